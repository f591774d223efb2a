"""What trials take of the GPUs, and whether one more finds room.

Where all trials take the same, as many are run as fit and everything finds room. Where each cell
has a share of its own, the next trial is handed out when what is left of all GPUs is enough for it,
and nothing is handed out past it: small trials would keep taking the places a large one waits for.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping

_PATIENCE_S = 30.0
"""A worker may need as long to start; after that, a trial waits for others to end."""

_ROUNDING = 1e-6


class GpuRoom:
    """The GPUs of a run.

    Args:
        shares: cell -> GPUs of one of its trials, chosen by an estimate: a trial that needs more
            is given more.
        default: GPUs of a trial of any other cell.
        gpus: of the whole cluster.
        patience_s: how long a trial may wait for its place before no other is handed out.
    """

    def __init__(
        self,
        shares: Mapping[str, float] | None = None,
        default: float = 0.0,
        gpus: float = math.inf,
        patience_s: float = _PATIENCE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._shares = dict(shares or {})
        self._default = default
        self._gpus = gpus
        self._patience_s = patience_s
        self._clock = clock
        self._waiting: dict[str, float] = {}

    @property
    def least(self) -> float:
        """The GPUs that the smallest trial takes."""
        return min(self._shares.values(), default=self._default)

    def share(self, cell: str) -> float:
        """Return the GPUs that a trial of a cell takes."""
        return self._shares.get(cell, self._default)

    def fits(self, cell: str, taken: float) -> bool:
        """Return whether a trial of a cell may be handed out beside those that take so much."""
        if not self._shares:
            return True
        latest = self._clock() - self._patience_s
        if any(since < latest for since in self._waiting.values()):
            return False
        return taken + self.share(cell) <= self._gpus + _ROUNDING

    def enlarge(self, cell: str) -> bool:
        """Give the trials of a cell whole GPUs from now on; return whether that is more."""
        if self._shares.get(cell, 1.0) >= 1.0:
            return False
        self._shares[cell] = 1.0
        return True

    def handed_out(self, trial: str) -> None:
        """Take note that a trial waits for its place, which others may take if they are smaller."""
        if len(set(self._shares.values())) > 1:
            self._waiting[trial] = self._clock()

    def left_waiting(self, trial: str) -> None:
        """Take note that a trial has its place, or needs none any more."""
        self._waiting.pop(trial, None)
