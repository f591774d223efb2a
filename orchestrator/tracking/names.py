"""The names under which a study appears in MLflow; written by tracking, read by the report."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

PREFIX = "xenograft."

KIND = PREFIX + "kind"
LEDGER = PREFIX + "ledger"
CELL = PREFIX + "cell"
NAME = PREFIX + "name"
PLANNED = PREFIX + "planned"
TRAINABLE = PREFIX + "trainable"
VERSION = PREFIX + "version"
RECIPE = PREFIX + "recipe"
IMPORTED = "imported"
"""Recipe of cells that were read from the logs of another program, not run."""
OBJECTIVE_METRIC = PREFIX + "objective.metric"
OBJECTIVE_MODE = PREFIX + "objective.mode"
SPACE = PREFIX + "space"
DATA_KINDS = PREFIX + "data_kinds"
WEIGHTS_KINDS = PREFIX + "weights_kinds"
PLACE = PREFIX + "place."
LEVEL = PREFIX + "level."
DATA = PREFIX + "data."
WEIGHTS = PREFIX + "weights."
SELECTION = PREFIX + "selection"
PROVENANCE = PREFIX + "provenance."

TRIAL = PREFIX + "trial"
PHASE = PREFIX + "phase"
INDEX = PREFIX + "index"
SEED = PREFIX + "seed"
ATTEMPT = PREFIX + "attempt"
AFTER = PREFIX + "after."
"""And the number of an attempt: what the attempt before it failed of."""
PARAMS = PREFIX + "params"
SEARCHED = PREFIX + "searched"
"""Of a search trial: the keys its search is about."""

STATE = PREFIX + "state"
FAILURE = PREFIX + "failure"
ERROR = PREFIX + "error"
CHOSEN = PREFIX + "chosen"
REPLICATES = PREFIX + "replicates"
REASON = PREFIX + "reason"
MODEL = PREFIX + "model"
"""Of a trial whose model is registered: name and version."""
GALLERY = PREFIX + "gallery"
"""Artifact folder of a trial's pictures; there once all of them are."""

PARENT_RUN = "mlflow.parentRunId"
OBJECTIVE = "objective"
N = "n"

_FORBIDDEN = re.compile(r"[^\w.\- :/]", re.ASCII)
_MAX_NAME = 250


def experiment_name(study: str) -> str:
    """Return the MLflow experiment of a study; the prefix keeps a shared server tidy."""
    return f"xenograft/{study}"


def safe_name(name: str) -> str:
    """Return a metric, parameter or tag name that MLflow accepts.

    Other characters become ``_``. A name too long for MLflow keeps its beginning and gets a hash.
    """
    safe = _FORBIDDEN.sub("_", name)
    if len(safe) <= _MAX_NAME:
        return safe
    return f"{safe[: _MAX_NAME - 9]}_{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def place_tag(experiment: str, levels: dict[str, str]) -> str:
    """Return the tag that holds one place of a cell.

    One tag per place: a cell planned again for another table keeps the places it had, and no list
    of places grows beyond what a tag can hold.
    """
    point = json.dumps([experiment, sorted(levels.items())])
    return PLACE + hashlib.sha256(point.encode()).hexdigest()[:12]


def as_text(value: Any) -> str:
    """Return a config value as MLflow stores it: strings as they are, the rest as JSON."""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
