"""From loss, optimizer, scheduler and trainer to the config."""

from __future__ import annotations

from typing import Any

from orchestrator.import_hydra.run import Run
from orchestrator.import_params.keys import shown
from orchestrator.import_params.translation import Translation
from trainables.errors import did_you_mean

_LOSS = "model.loss_fn"
_OPTIMIZER = "model.optimizer"
_SCHEDULER = "model.scheduler"
_STOPPING = "callbacks.early_stopping"
_PRECISION = "trainer.precision"

LOSSES = {"monai.losses.DiceCELoss": "dice_ce", "src.losses.TunedDiceLoss": "tuned_dice"}
OPTIMIZERS = {f"torch.optim.{n}": n.lower() for n in ("AdamW", "Adam", "SGD")}
PRECISIONS = {
    "16-mixed": "fp16",
    "16": "fp16",
    "bf16-mixed": "bf16",
    "bf16": "bf16",
    "32-true": "fp32",
    "32": "fp32",
}
_PLATEAU = "torch.optim.lr_scheduler.ReduceLROnPlateau"


def translate_training(run: Run, out: Translation) -> None:
    """Translate how a network is trained; of a run that does not train, only the precision."""
    values = {**run.original.values, **out.params.values}
    _set_named(values, _PRECISION, "precision", PRECISIONS, out)
    if run.mode == "zero_shot":
        _explain_untrained(out)
        return
    _translate_loss(values, out)
    _translate_optimizer(values, out)
    _translate_scheduler(run, values, out)
    out.set({"epochs": values["trainer.max_epochs"]}, "trainer.max_epochs")
    out.set({"clip_norm": float(values["trainer.gradient_clip_val"])}, "trainer.gradient_clip_val")
    for name, key in {
        "patience": f"{_STOPPING}.patience",
        "min_delta": f"{_STOPPING}.min_delta",
        "min_epochs": "trainer.min_epochs",
    }.items():
        out.set({f"early_stopping.{name}": values[key]}, key)


def _explain_untrained(out: Translation) -> None:
    trained = (f"{_LOSS}.", f"{_OPTIMIZER}.", f"{_SCHEDULER}.", f"{_STOPPING}.", "trainer.")
    for key in out.params.values:
        if key.startswith(trained) and key != _PRECISION:
            out.explain([key], "nothing is trained")


def _translate_loss(values: dict[str, Any], out: Translation) -> None:
    _set_named(values, f"{_LOSS}._target_", "loss.name", LOSSES, out)
    for name in ("lambda_dice", "lambda_ce"):
        key = f"{_LOSS}.{name}"
        if out.config.get("loss.name") == "dice_ce":
            out.set({f"loss.{name}": float(values.get(key, 1.0))}, key)
        else:
            out.explain([key], "of the loss of Dice and cross-entropy only")


def _translate_optimizer(values: dict[str, Any], out: Translation) -> None:
    _set_named(values, f"{_OPTIMIZER}._target_", "optimizer.name", OPTIMIZERS, out)
    for name in ("lr", "weight_decay"):
        key = f"{_OPTIMIZER}.{name}"
        out.set({f"optimizer.{name}": float(values[key])}, key)
    if values[f"{_OPTIMIZER}.lr"] <= 0:
        out.refuse(f"{_OPTIMIZER}.lr", "must be above 0")


def _translate_scheduler(run: Run, values: dict[str, Any], out: Translation) -> None:
    target = f"{_SCHEDULER}._target_"
    if target not in values:
        keys = [key for key in out.params.values if key.startswith(f"{_SCHEDULER}.")]
        if keys:
            out.refuse(keys[0], f"{run.network} has no scheduler: name its _target_ too")
        return
    if values[target] != _PLATEAU:
        out.refuse(target, f"only {_PLATEAU} is supported")
        return
    if target not in run.original.values:
        out.set({"schedule.name": "epoch_plateau", "schedule.plateau_on": "loss"}, target)
    else:
        out.explain([target], "Xenograft always does it so")
    for name, usual in {"factor": 0.1, "patience": 10}.items():
        key = f"{_SCHEDULER}.{name}"
        out.set({f"schedule.{name}": values.get(key, usual)}, key)


def _set_named(
    values: dict[str, Any], key: str, ours: str, names: dict[str, str], out: Translation
) -> None:
    value = str(values[key])
    if value in names:
        out.set({ours: names[value]}, key)
    else:
        out.problems.append(f"{key} = {shown(values[key])}: not known.{did_you_mean(value, names)}")
