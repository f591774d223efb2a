"""How the learning rate moves. No torch here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from trainables.errors import ConfigError, check_at_least

ScheduleName = Literal["constant", "cosine", "plateau", "epoch_plateau", "multi_step", "one_cycle"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ScheduleConfig:
    """The learning rate of every optimizer step.

    Args:
        name: what follows the warm-up. 'constant'; 'cosine': half a cosine down to ``min_lr``;
            'plateau': times ``factor`` when validation stops improving; 'epoch_plateau': the same,
            right after an epoch's last validation, as PyTorch Lightning does; 'multi_step': times
            ``factor`` at ``milestones``; 'one_cycle': up to the rate over 0.3 of the run, then
            down to ``min_lr``, both linearly, without a warm-up.
        warmup_steps: linear warm-up; the rate of step i (from 0) is lr (i + 1) / warmup_steps.
        warmup_epochs: the same in epochs; it wins over ``warmup_steps``.
        warmup_overshoot: start the warm-up from 1e-8 and take one increment too many, as the code
            of Matsoukas et al. (CVPR 2022) does: W steps end at lr + (lr - 1e-8) / W.
        min_lr: final rate of 'cosine' and 'one_cycle'.
        factor: what 'plateau' and 'multi_step' multiply the rate by. Both do it once per epoch,
            just before the epoch's last step.
        patience: epochs in a row without an improvement (of at least 0.01 %) that are let pass.
        plateau_on: the selection metric (larger is better) or ``val/loss`` (smaller is better),
            each as validated last.
        milestones: epochs after which 'multi_step' acts, rising.
        stop_below_lr: end the run, after the epoch, where 'plateau' would go below this rate;
            never during the warm-up.
    """

    name: ScheduleName = "cosine"
    warmup_steps: int = 0
    warmup_epochs: int = 0
    warmup_overshoot: bool = False
    min_lr: float = 0.0
    factor: float = 0.1
    patience: int = 3
    plateau_on: Literal["selection_metric", "loss"] = "selection_metric"
    milestones: tuple[int, ...] = ()
    stop_below_lr: float = 0.0

    def __post_init__(self) -> None:
        if self.name not in get_args(ScheduleName):
            raise ConfigError(
                f"schedule.name must be one of {get_args(ScheduleName)}, got '{self.name}'"
            )
        if self.plateau_on not in ("selection_metric", "loss"):
            raise ConfigError(
                f"schedule.plateau_on must be selection_metric or loss, got '{self.plateau_on}'"
            )
        check_at_least(
            0,
            "schedule.",
            warmup_steps=self.warmup_steps,
            warmup_epochs=self.warmup_epochs,
            min_lr=self.min_lr,
            patience=self.patience,
            stop_below_lr=self.stop_below_lr,
        )
        if not 0 < self.factor < 1:
            raise ConfigError(f"schedule.factor must be in (0, 1), got {self.factor}")
        self._check_together()

    def _check_together(self) -> None:
        has_warmup = self.warmup_steps > 0 or self.warmup_epochs > 0
        if self.name == "one_cycle" and has_warmup:
            raise ConfigError("schedule.name=one_cycle has its own rise: set no warm-up")
        if self.warmup_overshoot and not has_warmup:
            raise ConfigError("schedule.warmup_overshoot needs warmup_steps or warmup_epochs")
        if (self.name == "multi_step") != bool(self.milestones):
            raise ConfigError(
                "schedule.milestones go with schedule.name=multi_step, and only there"
            )
        if self.milestones and (
            self.milestones[0] < 1 or list(self.milestones) != sorted(set(self.milestones))
        ):
            raise ConfigError(f"schedule.milestones must rise from >= 1, got {self.milestones}")
        if self.stop_below_lr > 0 and self.name != "plateau":
            raise ConfigError("schedule.stop_below_lr needs schedule.name=plateau")
