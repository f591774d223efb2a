"""What a trial's rehearsal says of the memory it needs."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trainables.context import Context, Locations
from trainables.errors import XenograftError
from trainables.registry import config_from, load_trainable
from trainables.rehearsal.tally import tallied


class NoRehearsalError(XenograftError):
    """Nothing is known of the memory a trainable needs."""


def needed_bytes(
    trainable: str, config: Mapping[str, Any], locations: Locations, workers: int = 1
) -> int:
    """Return the most memory that tensors of one rank take up at once.

    What a GPU holds besides is not in it: the context of its driver, the workspaces of its
    libraries, and what an allocator leaves unused between tensors.

    Args:
        config: in its canonical form.
        workers: ranks that share a batch.

    Raises:
        NoRehearsalError: the trainable has no ``rehearse``, or it does not work for this config.
    """
    module = load_trainable(trainable)
    rehearse = getattr(module, "rehearse", None)
    if rehearse is None:
        raise NoRehearsalError(f"'{trainable}' has no rehearsal")
    with tempfile.TemporaryDirectory() as folder:
        context = Context(
            trial_id="rehearsal", seed=0, folder=Path(folder), locations=locations, final=True
        )
        with tallied() as tally:
            try:
                rehearse(config_from(trainable, config), context, workers)
            except Exception as error:
                kind = type(error).__name__
                raise NoRehearsalError(f"its rehearsal failed: {kind}: {error}") from error
        return tally.peak_bytes
