"""From data loaders and devices to the batch size and what a trial may use."""

from __future__ import annotations

from orchestrator.import_params.schema import SPLITS
from orchestrator.import_params.translation import Translation

_TRAIN = "dataloader_params.trainloader"
_GPUS = "system_params.which_GPUs"


def translate_loading(out: Translation) -> None:
    """Translate ``dataloader_params`` and ``system_params``."""
    params = out.params
    ranks = _translate_devices(out)
    out.set({"batch_size": params[f"{_TRAIN}.batch_size"] * ranks}, f"{_TRAIN}.batch_size")
    out.set({"drop_last": params.get(f"{_TRAIN}.drop_last", False)}, f"{_TRAIN}.drop_last")
    if not params.get(f"{_TRAIN}.shuffle", False):
        out.refuse(f"{_TRAIN}.shuffle", "training pictures are always shuffled: use true")
    out.explain([f"{_TRAIN}.shuffle"], "training pictures are always shuffled")
    workers = params.get(f"{_TRAIN}.num_workers", 0)
    out.name(
        f"{_TRAIN}.num_workers",
        f"setting loader_workers = {workers} (xenograft.toml or XENOGRAFT_LOADER_WORKERS)",
    )
    for split in SPLITS:
        loader = f"dataloader_params.{split}loader"
        speed = ("num_workers", "prefetch_factor", "pin_memory", "persistent_workers", "timeout")
        left = [f"{loader}.{name}" for name in speed]
        out.explain([key for key in left if key not in out.became], "speed only")
        if split != "train":
            out.explain([f"{loader}.batch_size"], "as in training; no metric depends on it")
    test = "dataloader_params.testloader"
    every = "every test picture is looked at, in the set's order"
    out.explain([f"{test}.shuffle", f"{test}.drop_last"], every)
    _translate_validation(out)


def _translate_validation(out: Translation) -> None:
    shuffle, drop = (f"dataloader_params.valloader.{name}" for name in ("shuffle", "drop_last"))
    if not out.params.get(drop, False):
        out.set({"val_batches": "all"}, drop)
        out.explain([shuffle], "no metric depends on the order")
        return
    if not out.params.get(shuffle, False):
        out.refuse(drop, "the same last pictures would never be looked at: use false")
    out.set({"val_batches": "full_batches_shuffled"}, shuffle, drop)


def _translate_devices(out: Translation) -> int:
    """Return over how many devices the original spreads a step; each has a batch of its own."""
    params = out.params
    if not params["system_params.use_GPU"]:
        out.name("system_params.use_GPU", "CPU only, which is the default")
        out.explain(["system_params.use_all_GPUs", _GPUS], "read only with use_GPU")
        return 1
    out.name("system_params.use_GPU", "--gpus-per-worker 1")
    out.options += ["--gpus-per-worker", "1"]
    if params["system_params.use_all_GPUs"]:
        out.refuse(
            "system_params.use_all_GPUs",
            "how many these are decides the batch: list them in which_GPUs and use false",
        )
        return 1
    out.explain(["system_params.use_all_GPUs"], "which_GPUs counts")
    devices = [name.strip() for name in params[_GPUS].split(",") if name.strip()]
    if not devices:
        out.refuse(_GPUS, 'list the devices, such as "0" or "0,1"')
    if len(devices) > 1:
        out.name(_GPUS, f"--workers-per-trial {len(devices)}, and a batch so many times larger")
        out.options += ["--workers-per-trial", str(len(devices))]
    else:
        out.explain([_GPUS], "Ray gives a trial the device that is free")
    return max(len(devices), 1)
