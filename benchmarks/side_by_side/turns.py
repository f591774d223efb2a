"""Time several sides of a comparison in turns, so that what else runs disturbs all alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import torch

Side = Callable[[], float]
"""Does its work and returns how long a unit of it took, in seconds."""


def clock(device: str) -> float:
    """Return CPU seconds of this process, or on a GPU the time when it has done its work."""
    if device == "cpu":
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()


def in_turns(sides: Mapping[str, Side], turns: int) -> dict[str, float]:
    """Return the least time of each side, after a turn that does not count."""
    took: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(turns + 1):
        for name, side in sides.items():
            took[name].append(side())
    return {name: min(times[1:]) for name, times in took.items()}
