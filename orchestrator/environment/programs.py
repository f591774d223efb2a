"""What trials compute with: torch, GPUs and their driver, files of the model hub."""

from __future__ import annotations

import os
import re
from pathlib import Path

from orchestrator.environment.check import Found
from orchestrator.resources import local_node
from orchestrator.settings import Settings

_DRIVER = Path("/proc/driver/nvidia/version")
_REINSTALL = "install the pinned packages again (make install)"


def torch(_: Settings) -> Found:
    """Import torch and its companions."""
    try:
        import timm
        import torch as library
        import torchvision
    except (ImportError, OSError) as error:
        return Found(state="fail", what=str(error), remedy=_REINSTALL)
    built = f"CUDA {library.version.cuda}" if library.version.cuda else "CPU only"
    what = f"{library.__version__} ({built}), torchvision {torchvision.__version__}"
    return Found(state="ok", what=f"{what}, timm {timm.__version__}")


def gpu(settings: Settings) -> Found:
    """Compute something on every GPU, or say why none can be used."""
    try:
        import torch as library
    except (ImportError, OSError):
        return Found(state="fail", what="unknown without torch", remedy=_REINSTALL)
    if library.cuda.is_available():
        return _usable(settings)
    if local_node()["GPU"]:
        return _unusable()
    if settings.gpus and not settings.address:
        return Found(
            state="fail",
            what=f"none, and a trial is to hold {settings.gpus:g}",
            remedy="set gpus_per_worker to 0, or name a cluster with --address",
        )
    return Found(state="ok", what="none; trials run on the CPU")


def _usable(settings: Settings) -> Found:
    import torch as library

    names = []
    for index in range(library.cuda.device_count()):
        known = library.cuda.get_device_properties(index)
        names.append(f"{known.name} ({known.total_memory / 2**30:.0f} GiB)")
        try:
            library.ones(8, device=f"cuda:{index}").sum().item()
        except RuntimeError as error:
            return Found(
                state="fail",
                what=f"{names[-1]}: {str(error).splitlines()[0]}",
                remedy="see what else uses it, or install a build of torch for it",
            )
    what = f"{', '.join(names)}; driver {_driver()}, CUDA {library.version.cuda}"
    if not settings.gpus:
        return Found(
            state="warn",
            what=f"{what}; trials do not use it",
            remedy="--gpus-per-worker 1, or a share such as 0.25",
        )
    return Found(state="ok", what=what)


def _unusable() -> Found:
    import torch as library

    what = f"there is one that torch cannot use (driver {_driver()})"
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
    if library.version.cuda is None:
        remedy = "install a build of torch with CUDA"
    elif hidden is not None:
        remedy = f"CUDA_VISIBLE_DEVICES={hidden} hides it: unset it"
    else:
        remedy = f"this torch needs a driver for CUDA {library.version.cuda}"
    return Found(state="fail", what=what, remedy=remedy)


def _driver() -> str:
    try:
        text = _DRIVER.read_text()
    except OSError:
        return "unknown"
    found = re.search(r"\b\d+\.\d+(?:\.\d+)?\b", text)
    return found[0] if found else "unknown"


def hub_cache(settings: Settings) -> Found:
    """Say what the local cache of the model hub holds, and whether more may be fetched."""
    from huggingface_hub import constants

    cache = Path(constants.HF_HUB_CACHE)
    models = len(list(cache.glob("models--*"))) if cache.is_dir() else 0
    what = f"{models} models in {cache}, hub = {settings.hub}"
    if settings.hub == "online" and constants.HF_HUB_OFFLINE:
        return Found(
            state="warn",
            what=f"{what}, but HF_HUB_OFFLINE is set",
            remedy='unset HF_HUB_OFFLINE, or set hub = "offline"',
        )
    return Found(state="ok", what=what)
