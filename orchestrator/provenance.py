"""What code and machine a session runs on, as flat text for the ledger and tracking."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path

_PACKAGES = ("torch", "torchvision", "timm", "ray", "optuna", "mlflow", "numpy", "scikit-learn")
_ROOT = Path(__file__).resolve().parent.parent


def provenance() -> dict[str, str]:
    """Return code version, package versions, Python, operating system and processor."""
    facts = {
        "code.version": importlib.metadata.version("xenograft"),
        "code.digest": _source_digest(),
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "cpus": str(len(os.sched_getaffinity(0))),
    }
    commit = _git("rev-parse", "HEAD")
    if commit:
        changed = _git("status", "--porcelain", "--untracked-files=no")
        facts["code.commit"] = commit + ("-modified" if changed else "")
    for package in _PACKAGES:
        facts[f"package.{package}"] = importlib.metadata.version(package)
    return facts


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
