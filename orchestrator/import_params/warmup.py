"""From LinearWarmup to the warm-up of the schedule, and whether a run is long enough for it."""

from __future__ import annotations

from orchestrator.import_params.checking import listed_schedulers
from orchestrator.import_params.translation import Translation
from trainables.data.cards import get_data_card

_BLOCK = "optimization_params.default.scheduler.params.LinearWarmup"
_TYPE = "optimization_params.default.scheduler.type"
_EPOCHS, _STEPS = f"{_BLOCK}.warmup_epochs", f"{_BLOCK}.warmup_iters"
_EVERY = "training_params.val_every"

_BY_DATASET = {
    "aptos2019": {"warmup_epochs": 5, "warmup_steps": 0},
    "ddsm": {"warmup_epochs": 5, "warmup_steps": 0},
    "isic2019": {"warmup_epochs": 0, "warmup_steps": 1000},
    "chexpert": {"warmup_epochs": 0, "warmup_steps": 1000},
}
"""What the code for foundation models writes over the file's warm-up."""


def translate_warmup(out: Translation) -> None:
    """Translate the warm-up and check that epochs, warm-up and validation go together."""
    listed = "LinearWarmup" in listed_schedulers(out.params)
    out.set({"schedule.warmup_overshoot": listed}, _TYPE)
    if not listed:
        out.set({"schedule.warmup_epochs": 0, "schedule.warmup_steps": 0}, _TYPE)
    elif out.params.repository == "foundation_medical":
        _by_dataset(out)
    else:
        _as_written(out)
    _check_lengths(out)


def _by_dataset(out: Translation) -> None:
    chosen = _BY_DATASET.get(out.levels.get("dataset", ""))
    if chosen is None:
        out.refuse("dataset_params.dataset", "the original warms up for one step, to twice the lr")
        return
    values = {f"schedule.{name}": value for name, value in chosen.items()}
    out.set(values, "dataset_params.dataset")
    out.explain([_EPOCHS, _STEPS], "the original overwrites it by data set")


def _as_written(out: Translation) -> None:
    epochs, steps = out.params[_EPOCHS], out.params[_STEPS]
    if not epochs and not steps:
        out.refuse(_STEPS, "the original then warms up for one step, to twice the lr: ask for some")
    out.set({"schedule.warmup_epochs": epochs}, _EPOCHS)
    # Epochs win in the original as they do here.
    out.set({"schedule.warmup_steps": 0 if epochs else steps}, _STEPS)


def _check_lengths(out: Translation) -> None:
    dataset = out.levels.get("dataset")
    if dataset is None or out.problems:
        return
    pictures = get_data_card(dataset).expected_counts.get("train", 0)
    per_epoch = pictures // out.config["batch_size"]
    if per_epoch < 1:
        key = "dataloader_params.trainloader.batch_size"
        out.refuse(key, f"there are {pictures} training pictures")
        return
    if int(out.config["val_every"] * per_epoch) < 1:
        out.refuse(
            _EVERY,
            f"is less than one of the {per_epoch} optimizer steps of an epoch; the least is "
            f"{1 / per_epoch:.2g}",
        )
    warmup = out.config["schedule.warmup_epochs"] * per_epoch or out.config["schedule.warmup_steps"]
    epochs = out.config["epochs"]
    if warmup >= epochs * per_epoch:
        # The original's own file is like this, so it is no reason to refuse it.
        out.warnings.append(
            f"training_params.epochs = {epochs}: these {epochs * per_epoch} optimizer steps end "
            f"before the warm-up, which takes {warmup}, so the trial will fail: ask for "
            f"{warmup // per_epoch + 1} epochs or more, or leave out --set epochs={epochs} for the "
            "study's own"
        )
