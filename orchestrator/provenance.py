"""What code and machine a session runs on, as flat text for the ledger and tracking."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import platform
import subprocess
from collections import Counter
from pathlib import Path

_PACKAGES = ("torch", "torchvision", "timm", "ray", "optuna", "mlflow", "numpy", "scikit-learn")
_ROOT = Path(__file__).resolve().parent.parent


def provenance() -> dict[str, str]:
    """Return code version, package versions, Python, and the machine the driver runs on."""
    facts = {
        "code.version": importlib.metadata.version("xenograft"),
        "code.digest": _source_digest(),
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "cpus": str(len(os.sched_getaffinity(0))),
    }
    facts |= {"processor": _processor(), "gpus": _gpus()}
    commit = _git("rev-parse", "HEAD")
    if commit:
        changed = _git("status", "--porcelain", "--untracked-files=no")
        facts["code.commit"] = commit + ("-modified" if changed else "")
    for package in _PACKAGES:
        facts[f"package.{package}"] = importlib.metadata.version(package)
    return {name: text for name, text in facts.items() if text}


def _processor() -> str:
    """Return the name of the processor, empty where the system does not tell."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "").replace("/", " ")


def _gpus() -> str:
    """Return ``2 x NVIDIA A100``, empty where there is none."""
    command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    if done.returncode != 0:
        return ""
    counted = Counter(line.strip() for line in done.stdout.splitlines() if line.strip())
    return ", ".join(f"{n} x {name}" for name, n in counted.items())


def _source_digest() -> str:
    """Hash the source of the four packages, so that an installed copy is identified too."""
    total = hashlib.sha256()
    for package in ("trainables", "search_spaces", "orchestrator", "cluster"):
        for path in sorted((_ROOT / package).rglob("*.py")):
            total.update(path.relative_to(_ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return total.hexdigest()[:16]


def _git(*arguments: str) -> str:
    if not (_ROOT / ".git").exists():
        return ""
    command = ["git", "-C", str(_ROOT), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        # No git here: the digest of the sources still says which code it is.
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
