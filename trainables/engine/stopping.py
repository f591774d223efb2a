"""When a run ends before its last epoch."""

from __future__ import annotations

from trainables.context import State
from trainables.engine.config import EarlyStopping


class Stopping:
    """Count epochs without an improvement, as PyTorch Lightning's EarlyStopping does.

    Args:
        config: None never ends a run.
    """

    def __init__(self, config: EarlyStopping | None) -> None:
        self.config = config
        self.best = float("-inf")
        self.waited = 0

    def observe(self, value: float) -> None:
        """Take note of the value that an epoch is selected by: the larger, the better."""
        if self.config is None:
            return
        if value - self.config.min_delta > self.best:
            self.best, self.waited = value, 0
        else:
            self.waited += 1

    def ended(self, epochs: int) -> bool:
        """Whether the run is over after so many epochs."""
        if self.config is None or epochs < self.config.min_epochs:
            return False
        return self.waited >= self.config.patience

    def state_dict(self) -> State:
        """Return everything that moves."""
        return {"best": self.best, "waited": self.waited}

    def load_state_dict(self, state: State) -> None:
        """Inverse of :meth:`state_dict`."""
        self.best, self.waited = state["best"], state["waited"]
