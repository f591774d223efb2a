"""Learning-rate schedules, stepped once per optimizer step."""

from __future__ import annotations

import math

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from trainables.engine.config import ScheduleConfig
from trainables.errors import ConfigError


def create_schedule(optimizer: Optimizer, config: ScheduleConfig, total_steps: int) -> LambdaLR:
    """Return the schedule of a run of ``total_steps`` optimizer steps.

    Raises:
        ConfigError: the warm-up would not end before the run does.
    """
    if config.warmup_steps >= total_steps:
        raise ConfigError(
            f"schedule.warmup_steps is {config.warmup_steps}, but the whole run has only "
            f"{total_steps} steps: train longer or warm up less"
        )
    return LambdaLR(optimizer, lambda step: learning_rate_factor(config, step, total_steps))


def learning_rate_factor(config: ScheduleConfig, step: int, total_steps: int) -> float:
    """Return what the base rate is multiplied by at a step counted from 0."""
    if step < config.warmup_steps:
        return (step + 1) / config.warmup_steps
    if config.name == "constant":
        return 1.0
    progress = (step - config.warmup_steps) / (total_steps - config.warmup_steps)
    return 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
