"""Which method of domain generalisation a trial trains. No torch here."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from trainables.config import BackboneRef
from trainables.errors import ConfigError, check_at_least
from trainables.generalisation.create import check_method
from trainables.generalisation.text_config import PromptConfig, TextConfig, check_texts

LossName = Literal["cross_entropy", "focal", "ordinal_smoothing"]


@dataclass(frozen=True, kw_only=True, slots=True)
class LossConfig:
    """What a classifier is trained to lower: the mean over a batch of one loss per picture.

    Args:
        name: 'cross_entropy'; 'focal': cross-entropy times (1 - p) ** ``focal_gamma`` for a picture
            whose class has probability p; 'ordinal_smoothing': cross-entropy against a
            distribution over all classes that falls off with their distance.
        class_weights: a factor for the pictures of each class; all 1 when empty. The mean still
            divides by pictures, not by weights.
        smoothing_sd: of 'ordinal_smoothing': classes i and j apart by this many have e ** -0.5 of
            the weight of the class itself, before the rows are scaled to sum to 1.
    """

    name: LossName = "cross_entropy"
    class_weights: tuple[float, ...] = ()
    focal_gamma: float = 2.0
    smoothing_sd: float = 0.5

    def __post_init__(self) -> None:
        if self.name not in ("cross_entropy", "focal", "ordinal_smoothing"):
            raise ConfigError(
                f"loss.name must be cross_entropy, focal or ordinal_smoothing, got '{self.name}'"
            )
        if any(not (weight >= 0 and math.isfinite(weight)) for weight in self.class_weights):
            raise ConfigError(f"loss.class_weights must be >= 0, got {self.class_weights}")
        check_at_least(0, "loss.", focal_gamma=self.focal_gamma)
        if not self.smoothing_sd > 0:
            raise ConfigError(f"loss.smoothing_sd must be > 0, got {self.smoothing_sd}")


@dataclass(frozen=True, kw_only=True, slots=True)
class InvarianceConfig:
    """What the baselines that use domains weigh by; defaults are those of DomainBed's registry.

    Args:
        irm_weight, vrex_weight: of the penalty, which counts once during the first
            ``anneal_steps`` optimizer steps.
        group_dro_eta: step size of the weights of domains.
        mixup_alpha: both parameters of the Beta distribution that mixing shares are drawn from.
        matching_weight: of the distance between domains' features ('mmd', 'coral').
    """

    irm_weight: float = 100.0
    vrex_weight: float = 10.0
    anneal_steps: int = 500
    group_dro_eta: float = 1e-2
    mixup_alpha: float = 0.2
    matching_weight: float = 1.0

    def __post_init__(self) -> None:
        check_at_least(
            0,
            "invariance.",
            irm_weight=self.irm_weight,
            vrex_weight=self.vrex_weight,
            anneal_steps=self.anneal_steps,
            matching_weight=self.matching_weight,
        )
        for name in ("group_dro_eta", "mixup_alpha"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"invariance.{name} must be > 0, got {getattr(self, name)}")


@dataclass(frozen=True, kw_only=True, slots=True)
class MethodConfig:
    """A method and what it is made of; parts that a method has no use for are ignored.

    Args:
        name: see :data:`trainables.generalisation.create.METHODS`.
        loss: of methods that train a classifier by a loss per picture.
        dropout: probability that an entry of the pooled feature is zeroed in training.
        text: sentences of the classes, of methods that compare pictures with them.
        prompt: vectors that are learned beside the words of these sentences.
        freeze_norms: batch norms keep the statistics they came with; scales and shifts still train.
    """

    name: str
    backbone: BackboneRef
    loss: LossConfig = field(default_factory=LossConfig)
    invariance: InvarianceConfig = field(default_factory=InvarianceConfig)
    text: TextConfig = field(default_factory=TextConfig)
    prompt: PromptConfig = field(default_factory=PromptConfig)
    dropout: float = 0.0
    freeze_norms: bool = False

    def __post_init__(self) -> None:
        check_method(self.name)
        if not 0 <= self.dropout < 1:
            raise ConfigError(f"method.dropout must be in [0, 1), got {self.dropout}")
        check_texts(self.name, self.backbone, self.text, self.prompt)
