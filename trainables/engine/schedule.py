"""Learning-rate schedules, stepped once per optimizer step."""

from __future__ import annotations

import logging
import math

from torch.optim import Optimizer

from trainables.context import State
from trainables.engine.plateau import Plateau
from trainables.engine.schedule_config import ScheduleConfig
from trainables.errors import ConfigError

logger = logging.getLogger(__name__)

_START_LR = 1e-8
"""Where the overshooting warm-up and one_cycle start; smaller reductions are not made either."""

_RISE = 0.3
"""Share of one_cycle's steps on its way up."""


class Schedule:
    """Set the rate of every parameter group.

    Args:
        optimizer: its current rate is the one the schedule is scaled to.
        steps_per_epoch: optimizer steps.
        unfinished_warmup: only warn of a warm-up that is longer than the run.

    Attributes:
        rate: of the next step.
        taken: steps taken so far.
        exhausted: whether the rate would have to go below ``stop_below_lr``.

    Raises:
        ConfigError: the warm-up would not end before the run does.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        config: ScheduleConfig,
        steps_per_epoch: int,
        epochs: int,
        unfinished_warmup: bool = False,
    ) -> None:
        self.optimizer, self.config, self.steps_per_epoch = optimizer, config, steps_per_epoch
        self.total = steps_per_epoch * epochs
        self.lr = float(optimizer.param_groups[0]["lr"])
        self.warmup = config.warmup_epochs * steps_per_epoch or config.warmup_steps
        if self.warmup >= self.total:
            self._complain(unfinished_warmup)
        start = _START_LR if config.warmup_overshoot else 0.0
        self.increment = (self.lr - start) / self.warmup if self.warmup else 0.0
        self.peak = self.lr + self.increment if config.warmup_overshoot else self.lr
        self.taken, self.exhausted = 0, False
        # Before the first validation the metric counts as 0, and there is no loss to judge.
        self.metric, self.loss = 0.0, math.nan
        self.plateau = Plateau(
            patience=config.patience, larger_is_better=config.plateau_on == "selection_metric"
        )
        self._set(start + self.increment if self.warmup else self._planned(0))

    def observe(self, metric: float, loss: float) -> None:
        """Take note of a validation.

        Args:
            metric: the selection metric; a plateau judges what was observed last.
            loss: ``val/loss``, NaN when there is none.
        """
        self.metric, self.loss = metric, loss

    def step(self) -> None:
        """Go on to the rate of the next optimizer step."""
        self.taken += 1
        if self.taken < self.warmup + self.config.warmup_overshoot:
            self._set(self.rate + self.increment)
        elif self.config.name in ("cosine", "one_cycle"):
            self._set(self._planned(self.taken))
        if (self.taken + 1) % self.steps_per_epoch == 0 and self._is_reduced():
            self._reduce()

    def end_epoch(self) -> None:
        """Take note that an epoch has been trained and validated."""
        if self.config.name == "epoch_plateau" and self._has_stalled():
            self._reduce()

    def state_dict(self) -> State:
        """Return everything that moves."""
        names = ("taken", "rate", "exhausted", "metric", "loss")
        plateau = {"best": self.plateau.best, "bad": self.plateau.bad}
        return {**{name: getattr(self, name) for name in names}, "plateau": plateau}

    def load_state_dict(self, state: State) -> None:
        """Inverse of :meth:`state_dict`."""
        self.taken, self.exhausted = state["taken"], state["exhausted"]
        self.metric, self.loss = state["metric"], state["loss"]
        self.plateau.best, self.plateau.bad = state["plateau"]["best"], state["plateau"]["bad"]
        self._set(state["rate"])

    def _set(self, rate: float) -> None:
        self.rate = rate
        for group in self.optimizer.param_groups:
            group["lr"] = rate

    def _complain(self, unfinished_warmup: bool) -> None:
        key = "warmup_epochs" if self.config.warmup_epochs else "warmup_steps"
        problem = (
            f"schedule.{key} is {getattr(self.config, key)}, but the whole run has only "
            f"{self.total} steps, {self.steps_per_epoch} an epoch"
        )
        if not unfinished_warmup:
            raise ConfigError(f"{problem}: train longer or warm up less")
        logger.warning("%s: the rate will not reach %g", problem, self.lr)

    def _planned(self, step: int) -> float:
        """Return the rate after the warm-up as long as nothing is reduced."""
        low = self.config.min_lr
        if self.config.name == "cosine":
            # A run that ends with its warm-up has nothing after it.
            progress = min((step - self.warmup) / max(self.total - self.warmup, 1), 1.0)
            return low + (self.peak - low) * 0.5 * (1 + math.cos(math.pi * progress))
        if self.config.name == "one_cycle":
            turn = _RISE * self.total - 1
            if step <= turn:
                return _START_LR + (self.lr - _START_LR) * step / turn
            # The step after the last one is asked for too, and never taken.
            progress = min((step - turn) / (self.total - 1 - turn), 1.0)
            return self.lr + (low - self.lr) * progress
        return self.peak

    def _is_reduced(self) -> bool:
        if self.config.name == "multi_step":
            # An epoch of one step has no step before its last one: it is judged after it.
            ended = (self.taken + 1) // self.steps_per_epoch - (self.steps_per_epoch == 1)
            return ended in self.config.milestones
        return self.config.name == "plateau" and self._has_stalled()

    def _has_stalled(self) -> bool:
        if self.plateau.larger_is_better:
            return self.plateau.check(self.metric)
        return not math.isnan(self.loss) and self.plateau.check(self.loss)

    def _reduce(self) -> None:
        reduced = self.rate * self.config.factor
        # A rate that was meant to arrive at the bound exactly may miss it by rounding.
        is_below = reduced < self.config.stop_below_lr * (1 - 1e-9)
        if is_below and self.taken > self.warmup:
            self.exhausted = True
        elif self.rate - reduced > _START_LR:
            self._set(reduced)
