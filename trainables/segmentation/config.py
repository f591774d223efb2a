"""What the trainables of segmentation have in common in their configs. No torch here."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from trainables.errors import ConfigError, check_at_least

LossName = Literal["dice_ce", "dice_ce_logits", "dice_bce", "tuned_dice"]
EmptyRule = Literal["skip", "nan"]
MaskMode = Literal["raw", "binary"]
PromptMode = Literal["random", "first", "all"]

RANDOM_PROMPT = "random"
"""Prompt type that draws one of the others for each case, but never the empty one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PromptConfig:
    """Which text says what to look for.

    Args:
        type: a prompt type of the data set (p0 to p9), or 'random'; see
            :mod:`trainables.segmentation.prompt_choice`.
        override: a text that takes the place of every prompt; empty: none does.
        at_evaluation: which of several wordings of a type validation and test use: 'random' draws
            one, as the released code does, here the same in every epoch and on any number of
            workers; 'first' takes the first; 'all' scores a case by its mean over all of them.
    """

    type: str = "p1"
    override: str = ""
    at_evaluation: PromptMode = "random"

    def __post_init__(self) -> None:
        if not self.type:
            raise ConfigError("prompt.type is empty: name a prompt type such as p1, or 'random'")
        if self.at_evaluation not in get_args(PromptMode):
            raise ConfigError(
                f"prompt.at_evaluation must be one of {get_args(PromptMode)}, got "
                f"'{self.at_evaluation}'"
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class LossConfig:
    """What training minimises, see :mod:`trainables.segmentation.losses`.

    Args:
        name: 'dice_ce', 'dice_ce_logits', 'dice_bce' or 'tuned_dice'.
        lambda_dice, lambda_ce: weights of the two halves; idle for 'tuned_dice'.
        empty: what 'tuned_dice' makes of a case without foreground: 'skip' leaves it out of the
            mean; 'nan' does what the released code does, which also overlooks a structure whose
            mask is nowhere exactly 1, and one such case fails the trial.
    """

    name: LossName = "dice_ce"
    lambda_dice: float = 1.0
    lambda_ce: float = 0.2
    empty: EmptyRule = "skip"

    def __post_init__(self) -> None:
        if self.name not in get_args(LossName):
            raise ConfigError(f"loss.name must be one of {get_args(LossName)}, got '{self.name}'")
        if self.empty not in get_args(EmptyRule):
            raise ConfigError(
                f"loss.empty must be one of {get_args(EmptyRule)}, got '{self.empty}'"
            )
        for name in ("lambda_dice", "lambda_ce"):
            value = getattr(self, name)
            if not 0 <= value < math.inf:
                raise ConfigError(f"loss.{name} must be >= 0, got {value}")


def check_evaluation(
    threshold: float | None, mask_mode: str, image_size_px: int | None, batch_size: int
) -> None:
    """Check what every config of segmentation has.

    Raises:
        ConfigError: a value is out of range.
    """
    if threshold is not None and not 0 <= threshold < 1:
        raise ConfigError(f"threshold must be in [0, 1), got {threshold}")
    if mask_mode not in get_args(MaskMode):
        raise ConfigError(f"mask_mode must be one of {get_args(MaskMode)}, got '{mask_mode}'")
    check_at_least(1, image_size_px=image_size_px, batch_size=batch_size)


def background_of(channels: Mapping[str, tuple[str, ...]]) -> int | None:
    """Return the index of the channel that answers for no class, the background; None without one.

    With one the channels exclude each other: a pixel belongs to a single one of them.
    """
    return next((k for k, classes in enumerate(channels.values()) if not classes), None)


def check_channels(channels: Mapping[str, tuple[str, ...]]) -> None:
    """Check that no class is looked for on two channels.

    Raises:
        ConfigError: one is, or more than one channel looks for none, or all do.
    """
    silent = [channel for channel, classes in channels.items() if not classes]
    if len(silent) > 1 or len(silent) == len(channels) > 0:
        raise ConfigError(
            f"channel '{silent[-1]}' names no class: one may, the background, beside others"
        )
    seen: dict[str, str] = {}
    for channel, classes in channels.items():
        for name in classes:
            if name in seen:
                raise ConfigError(f"class '{name}' is on the channels '{seen[name]}', '{channel}'")
            seen[name] = channel
