"""When a value has stopped improving."""

from __future__ import annotations

from dataclasses import dataclass

# An improvement is relative, by this much: the default of PyTorch's rule.
_THRESHOLD = 1e-4


@dataclass(kw_only=True, slots=True)
class Plateau:
    """Count checks in a row that bring no improvement, as PyTorch's ReduceLROnPlateau does.

    Args:
        patience: how many of them are let pass.
        larger_is_better: what an improvement is.
        best: the best value so far; None before the first.
        bad: checks since the last improvement or the last time the patience ended.
    """

    patience: int
    larger_is_better: bool
    best: float | None = None
    bad: int = 0

    def check(self, value: float) -> bool:
        """Return whether the patience ends with this value; if so, count anew."""
        if self._improves(value):
            self.best, self.bad = value, 0
        else:
            self.bad += 1
        if self.bad <= self.patience:
            return False
        self.bad = 0
        return True

    def _improves(self, value: float) -> bool:
        if value != value:  # an undefined value is no improvement
            return False
        if self.best is None:
            return True
        if self.larger_is_better:
            return value > self.best * (1 + _THRESHOLD)
        return value < self.best * (1 - _THRESHOLD)
