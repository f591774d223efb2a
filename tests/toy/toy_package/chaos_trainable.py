"""A toy trainable with what real ones have to lose, and a place where faults are planted.

It takes its steps from checkpoints with tensors, and its values from an entry of the shared store.
A fault is an empty file in the folder ``$CHAOS_FAULTS``; the first step that finds one renames it,
and suffers it. Steps really taken are counted in ``steps.txt``, beside the rank's process id.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from trainables.context import Context, State
from trainables.errors import DatasetError

CHECKPOINT_FLOATS = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    trainable: ClassVar[str] = "toy_package.chaos_trainable"
    version: ClassVar[int] = 1

    x: float = 0.9
    name: str = "a"
    steps: int = 6
    step_s: float = 0.2


def run(config: Config, context: Context) -> Mapping[str, float]:
    """Climb towards 1 - (x - 0.3)^2."""
    context.splittable = True
    context.folder.mkdir(parents=True, exist_ok=True)
    (context.folder / f"pid-{context.rank}").write_text(str(os.getpid()))
    top = 1 - (config.x - 0.3) ** 2 + _features(config, context)
    found = context.resume()
    for step in range(1 if found is None else found[0] + 1, config.steps + 1):
        if context.is_main:
            with (context.folder / "steps.txt").open("a") as file:
                file.write(f"{step}\n")
        time.sleep(config.step_s)
        _suffer(config, context, step)
        _meet(context)
        metrics = {"val/score": top * step / config.steps}
        context.report(step, metrics, lambda step=step: _state(step))
    if not context.final:
        return {}
    context.open_test()
    for folder in context.inputs.values():
        top += float((folder / "value.txt").read_text())
    if context.is_main:
        (context.artifacts / "value.txt").write_text(str(top))
    return {"test/score": top}


def _meet(context: Context) -> None:
    """Do what ranks that train together do at each step: exchange tensors."""
    if context.world_size > 1:
        import torch
        import torch.distributed

        torch.distributed.all_reduce(torch.ones(1))


def _state(step: int) -> State:
    import torch

    return {"step": step, "weights": torch.full((CHECKPOINT_FLOATS,), float(step))}


def _features(config: Config, context: Context) -> float:
    """Return a number from an entry of the store that is built when it is not there and whole."""
    import numpy as np

    from trainables.data.artifact_store import load_arrays, save_arrays

    def build(folder: Path) -> None:
        save_arrays(folder / "features.safetensors", {"value": np.full(1000, 0.25)})

    entry = context.store.get_or_build("features", {"name": config.name}, build)
    return float(load_arrays(entry / "features.safetensors")["value"].mean())


def _suffer(config: Config, context: Context, step: int) -> None:
    import torch

    needed = context.folder / "memory"
    if _finds("memory", context):
        needed.write_text("4")
    if needed.exists() and context.micro_batches < int(needed.read_text()):
        raise torch.OutOfMemoryError("CUDA out of memory (planted)")
    # A config whose loss is not a number is never tried again: a replicate would fail its cell.
    if not context.final and _finds("nan", context):
        context.require_finite(float("nan"), step)
    if _finds("data", context):
        raise DatasetError(f"toy-data/train: the file of {config.name} is truncated (planted)")
    if _finds("hang", context):
        time.sleep(3600)


def _finds(fault: str, context: Context) -> bool:
    planted = Path(os.environ["CHAOS_FAULTS"]) / fault
    try:
        planted.rename(planted.with_name(f"{fault}.{context.trial_id}"))
    except FileNotFoundError:
        return False
    return True
