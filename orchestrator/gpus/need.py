"""How much of a GPU's memory the trials of a cell need, from rehearsals kept in the store.

Rehearsals (:mod:`trainables.rehearsal`) need torch, so they run in a process of their own, once for
all cells that are alike in what memory depends on.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from orchestrator.plan import Plan, PlannedCell
from search_spaces.space import Choice, Param
from trainables.config import BackboneRef, DataRef, canonical, flatten, replace_paths, replace_refs
from trainables.context import Locations
from trainables.data.artifact_store import ArtifactStore
from trainables.data.atomic_file import write_json
from trainables.data.cards import get_data_card
from trainables.errors import ConfigError, ResourceError
from trainables.registry import load_trainable

_KIND = "gpu_memory"
_FILE = "need.json"
_VERSION = 1  # raised when the same trial would be said to need another amount
_GIB = 2**30

_MOST_CONFIGS = 16
"""Configs of one cell that are rehearsed; a space with more choices than that is not."""

_IDLE = (
    *("augment", "augment_validation", "checkpoint_every", "crop_fraction", "data.domains"),
    *("data.limit", "data.name", "drop_last", "early_stopping", "epochs", "inverse_l2", "k"),
    *("decay", "holdout_fraction", "interpolation", "keep_initial", "mask_mode", "masks"),
    *("max_iter", "optimizer.lr", "optimizer.weight_decay", "prompt", "resize", "schedule"),
    *("selection", "selection_metric", "share_activations", "shift_domains", "shots", "steps"),
    *("temperature", "test_domains", "threshold", "train_fraction", "val_batches", "val_every"),
)
"""Keys of configs, or what they begin with, that no amount of memory depends on."""


@dataclass(frozen=True, kw_only=True)
class GpuNeed:
    """What is known of a cell.

    Args:
        gib: what tensors of one rank take at the fullest moment; None: not known.
        reason: why it is not.
    """

    gib: float | None
    reason: str = ""


def gpu_needs(plan: Plan, locations: Locations, workers: int) -> dict[str, GpuNeed]:
    """Return by cell what the most demanding trial of it needs.

    Args:
        workers: ranks of a trial.

    Raises:
        StorageError: the store cannot be written.
        ResourceError: rehearsals cannot be run at all.
    """
    asked = {cell.id: _demanding(cell) for cell in plan.cells}
    keys = {
        digest_of: (key, config)
        for configs in asked.values()
        for config in configs
        for digest_of, key in [_key(config, workers)]
    }
    found = _rehearsed(keys, locations, workers)
    return {
        cell: _largest([found[_key(config, workers)[0]] for config in configs])
        for cell, configs in asked.items()
    }


def _demanding(cell: PlannedCell) -> list[Any]:
    """Return the configs of a cell that may need the most: numbers at their upper ends."""
    if not cell.search_trials:
        return [cell.config]
    axes = [[(name, value) for value in _ends(param)] for name, param in cell.space.items()]
    configs = []
    for point in itertools.islice(itertools.product(*axes), _MOST_CONFIGS + 1):
        try:
            configs.append(replace_paths(cell.config, dict(point)))
        except ConfigError:
            continue  # no trial has this combination either
    return configs if len(configs) <= _MOST_CONFIGS else []


def _ends(param: Param) -> Sequence[Any]:
    if not isinstance(param, Choice):
        return [param.high]
    numbers = [v for v in param.values if isinstance(v, (int, float)) and not isinstance(v, bool)]
    return [max(numbers)] if len(numbers) == len(param.values) else param.values


def _key(config: Any, workers: int) -> tuple[str, dict[str, Any]]:
    """Return what the memory of a trial depends on, as a key of the store and as text."""
    data: list[DataRef] = []

    def unloaded(ref: BackboneRef) -> BackboneRef:
        return dataclasses.replace(ref, weights="", transfer_level=None)

    def known(ref: DataRef) -> DataRef:
        data.append(ref)
        return ref

    alike = replace_refs(config, known, unloaded)
    cards = [get_data_card(ref.name) for ref in data]
    key = {
        "version": _VERSION,
        "trainable": [config.trainable, config.version],
        "config": {k: canonical(v) for k, v in flatten(alike).items() if not _is_idle(k)},
        "data": [[len(card.classes), card.channels, card.task] for card in cards],
        "workers": workers,
        "torch": version("torch"),
    }
    return json.dumps(key, sort_keys=True), key


def _is_idle(key: str) -> bool:
    return any(f"{key}.".startswith(f"{idle}.") for idle in _IDLE)


def _rehearsed(
    keys: Mapping[str, tuple[Mapping[str, Any], Any]], locations: Locations, workers: int
) -> dict[str, GpuNeed]:
    store, found, missing = ArtifactStore(locations.store), {}, []
    for name, (key, config) in keys.items():
        entry = store.find(_KIND, key)
        if entry is not None:
            found[name] = _need(json.loads((entry / _FILE).read_text(encoding="utf-8")))
        elif not hasattr(load_trainable(config.trainable), "rehearse"):
            found[name] = GpuNeed(gib=None, reason=f"'{config.trainable}' has no rehearsal")
        else:
            missing.append((name, key, config))
    answers = _rehearse([config for _, _, config in missing], locations, workers)
    for (name, key, _), answer in zip(missing, answers, strict=True):
        found[name] = _need(answer)
        if "bytes" in answer:
            store.get_or_build(_KIND, key, _writing(answer))
    return found


def _writing(answer: Mapping[str, Any]) -> Any:
    return lambda folder: write_json(folder / _FILE, dict(answer))


def _need(answer: Mapping[str, Any]) -> GpuNeed:
    if "bytes" in answer:
        return GpuNeed(gib=answer["bytes"] / _GIB)
    return GpuNeed(gib=None, reason=answer["reason"])


def _rehearse(
    configs: Sequence[Any], locations: Locations, workers: int
) -> Iterator[dict[str, Any]]:
    if not configs:
        return
    request = {
        "locations": {
            name: str(value) if isinstance(value, Path) else value
            for name, value in dataclasses.asdict(locations).items()
        },
        "trials": [
            {"trainable": c.trainable, "config": canonical(c), "workers": workers} for c in configs
        ],
    }
    command = [sys.executable, "-m", "trainables.rehearsal"]
    done = subprocess.run(
        command, input=json.dumps(request), capture_output=True, text=True, check=False
    )
    if done.returncode:
        cause = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise ResourceError(
            f"gpus_per_worker=auto: the memory of trials cannot be worked out ({cause}); give a "
            "number of GPUs instead"
        )
    yield from map(json.loads, done.stdout.splitlines())


def _largest(needs: Iterable[GpuNeed]) -> GpuNeed:
    every = list(needs)
    if not every:
        return GpuNeed(gib=None, reason="its search space has too many choices to rehearse")
    unknown = [need for need in every if need.gib is None]
    return unknown[0] if unknown else max(every, key=lambda need: need.gib or 0.0)
