"""The name DomainBed's sweep gives a job's folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

_ALWAYS = (
    *("algorithm", "data_dir", "dataset", "holdout_fraction", "hparams_seed"),
    *("seed", "task", "test_envs", "trial_seed"),
)
_IF_GIVEN = ("hparams", "steps")


def legacy_job_md5(train_args: Mapping[str, Any]) -> str:
    """Return the md5 (hex) of what a sweep asked of a job.

    Blanks in an override and the place of the data count, as they do there. Our own identities
    leave out both.
    """
    text = json.dumps(dict(train_args), sort_keys=True)
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def sweep_args(args: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a logged command line that a sweep had set."""
    given = {key: args[key] for key in _IF_GIVEN if args.get(key) is not None}
    return {**{key: args.get(key) for key in _ALWAYS}, **given}
