"""What a job of DomainBed ran on, from the head of its ``out.txt``."""

from __future__ import annotations

import re

_NAMES = {
    "Python": "python",
    "PyTorch": "package.torch",
    "Torchvision": "package.torchvision",
    "CUDA": "cuda",
    "CUDNN": "cudnn",
    "NumPy": "package.numpy",
    "PIL": "package.pillow",
}
"""DomainBed's names -> ours."""


def versions_in(text: str) -> dict[str, str]:
    """Return the versions that the last launch printed; empty if there are none."""
    blocks = re.findall(r"^Environment:\n((?:\t.*\n)+)", text, re.MULTILINE)
    lines = blocks[-1].splitlines() if blocks else []
    pairs = (line.strip().partition(": ") for line in lines)
    return {_NAMES[name]: value for name, _, value in pairs if name in _NAMES}
