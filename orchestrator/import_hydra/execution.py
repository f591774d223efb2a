"""From devices, loaders and files to the batch size, options and settings."""

from __future__ import annotations

from orchestrator.import_hydra.run import Run
from orchestrator.import_params.translation import Translation

_BATCH = "datamodule.batch_size"
_ACCELERATOR, _DEVICES = "trainer.accelerator", "trainer.devices"
_WORKERS, _MASKS = "datamodule.num_workers", "output_masks_dir"
_GPU = ("gpu", "cuda", "auto")


def translate_execution(run: Run, out: Translation) -> None:
    """Translate what a trial may use and what it leaves."""
    ranks = _translate_devices(out)
    batch = out.params.get(_BATCH, run.original.values[_BATCH])
    out.set({"batch_size": batch * ranks}, _BATCH)
    workers = f"setting loader_workers = {out.params.get(_WORKERS, 4)}"
    out.name(_WORKERS, f"{workers} (xenograft.toml or XENOGRAFT_LOADER_WORKERS)")
    wanted = out.params.get(_MASKS, None) is not None
    out.set({"masks": wanted}, _MASKS)
    if wanted:
        out.name(_MASKS, "masks are left among the trial's artifacts")
    if out.params.get("debug", None) is not None:
        out.refuse("debug", "leave it out; --smoke runs a study in minutes")
    out.explain(["debug"], "off")
    trials = "hydra.sweeper.n_trials"
    if run.mode == "sweep":
        out.name(trials, f"--search-trials {out.params.get(trials, 0)}")
    out.explain([trials], "nothing is searched")


def _translate_devices(out: Translation) -> int:
    """Return over how many devices the original spreads a step; each has a batch of its own."""
    accelerator = out.params.get(_ACCELERATOR, "gpu")
    if accelerator == "cpu":
        out.name(_ACCELERATOR, "CPU only, which is the default")
        out.explain([_DEVICES], "the CPU is one device")
        return 1
    if accelerator not in _GPU:
        out.refuse(_ACCELERATOR, "must be gpu or cpu")
    out.options += ["--gpus-per-worker", "1"]
    out.name(_ACCELERATOR, "--gpus-per-worker 1")
    ranks = _count(out.params.get(_DEVICES, [0]))
    if ranks is None:
        out.refuse(_DEVICES, "how many these are decides the batch: list them, such as [0]")
        return 1
    if ranks > 1:
        out.options += ["--workers-per-trial", str(ranks)]
        out.name(_DEVICES, f"--workers-per-trial {ranks}, and a batch so many times larger")
    out.explain([_DEVICES], "Ray gives a trial the device that is free")
    return ranks


def _count(devices: object) -> int | None:
    """Return how many devices Lightning takes for a value; None where only the machine knows."""
    if isinstance(devices, list):
        whole = all(isinstance(d, int) and not isinstance(d, bool) for d in devices)
        return len(set(devices)) if whole and devices else None
    if isinstance(devices, int) and not isinstance(devices, bool) and 1 <= devices <= 1024:
        return devices
    return None
