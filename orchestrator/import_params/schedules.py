"""From a list of schedulers to the schedule of the config."""

from __future__ import annotations

from typing import Any

from orchestrator.import_params.checking import listed_schedulers
from orchestrator.import_params.keys import shown
from orchestrator.import_params.schema import SCHEDULERS
from orchestrator.import_params.translation import Translation

_BLOCK = "optimization_params.default.scheduler"
_TYPE = f"{_BLOCK}.type"
_START_LR = 1e-8
"""Where the original's warm-up and OneCycleLR start."""

_FIXED: dict[str, dict[str, Any]] = {
    "LinearWarmup": {"eta_min": _START_LR},
    "ReduceLROnPlateau": {
        "threshold": 1e-4,
        "threshold_mode": "rel",
        "cooldown": 0,
        "min_lr": 0,
        "eps": 1e-8,
    },
    "OneCycleLR": {"anneal_strategy": "linear", "pct_start": 0.3, "three_phase": False},
}


def translate_schedule(out: Translation) -> None:
    """Translate the scheduler; the epochs and the warm-up's length are the caller's."""
    listed = listed_schedulers(out.params)
    after = [name for name in dict.fromkeys(listed) if name != "LinearWarmup"]
    for name in SCHEDULERS:
        if name not in listed:
            out.explain(out.params.below(f"{_BLOCK}.params.{name}"), "not listed in scheduler.type")
    if len(set(listed)) != len(listed):
        out.refuse(_TYPE, "a scheduler is listed twice")
    if len(after) > 1:
        out.refuse(_TYPE, f"one scheduler can follow the warm-up, these are {len(after)}")
        return
    if after == ["OneCycleLR"] and "LinearWarmup" in listed:
        out.refuse(_TYPE, "OneCycleLR has its own rise: leave out one of the two")
        return
    for name in listed:
        fixed = _FIXED.get(name, {})
        out.require({f"{_BLOCK}.params.{name}.{k}": value for k, value in fixed.items()})
    if not after:
        _set(out, {"name": "constant", "milestones": ()}, _TYPE)
    else:
        _FOLLOWING[after[0]](out, f"{_BLOCK}.params.{after[0]}")
    # Nothing but the number of epochs ends a run of the original.
    _set(out, {"stop_below_lr": 0.0}, "training_params.epochs")


def _plateau(out: Translation, block: str) -> None:
    keep = {"max": "selection_metric", "min": "loss"}
    _set(out, {"name": "plateau", "milestones": ()}, _TYPE)
    _set(out, {"plateau_on": keep[out.params[f"{block}.mode"]]}, f"{block}.mode")
    for name in ("factor", "patience"):
        _set(out, {name: out.params[f"{block}.{name}"]}, f"{block}.{name}")
    out.explain([f"{block}.verbose"], "it printed a line; PyTorch has dropped it")
    batches = [f"dataloader_params.{split}loader.batch_size" for split in ("train", "val")]
    train, val = (out.params[key] for key in batches)
    if out.params[f"{block}.mode"] == "min" and val != train:
        out.refuse(batches[1], f"the loss a plateau judges is the mean over batches of {train}")


def _multi_step(out: Translation, block: str) -> None:
    _set(out, {"name": "multi_step"}, _TYPE)
    milestones = tuple(out.params[f"{block}.milestones"])
    _set(out, {"milestones": milestones}, f"{block}.milestones")
    _set(out, {"factor": out.params[f"{block}.gamma"]}, f"{block}.gamma")
    if not milestones or list(milestones) != sorted(set(milestones)):
        out.refuse(f"{block}.milestones", "must be epochs that rise")


def _cosine(out: Translation, block: str) -> None:
    _set(out, {"name": "cosine", "milestones": ()}, _TYPE)
    _set(out, {"min_lr": out.params[f"{block}.eta_min"]}, f"{block}.eta_min")


def _one_cycle(out: Translation, block: str) -> None:
    _set(out, {"name": "one_cycle", "milestones": ()}, _TYPE)
    key = f"{block}.final_div_factor"
    if out.params[key] <= 0:
        out.refuse(key, "must be above 0")
        return
    # PyTorch divides where the cycle starts, not its peak.
    _set(out, {"min_lr": _START_LR / out.params[key]}, key)
    momentum = f"{block}.cycle_momentum"
    if out.params.get(momentum, True):
        out.refuse(
            momentum,
            f"is {shown(True)} unless the file says otherwise, and moves the optimizer's momentum; "
            "here only the rate moves: use false",
        )
    out.explain([momentum], "only the rate moves")


_FOLLOWING = {
    "ReduceLROnPlateau": _plateau,
    "MultiStepLR": _multi_step,
    "CosineAnnealingLR": _cosine,
    "OneCycleLR": _one_cycle,
}


def _set(out: Translation, values: dict[str, Any], *keys: str) -> None:
    out.set({f"schedule.{name}": value for name, value in values.items()}, *keys)
