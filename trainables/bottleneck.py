"""Classify pictures by the concepts they show, without and with what is known of the classes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from trainables.concepts.choice import Choice
from trainables.config import BackboneRef, DataRef
from trainables.context import Context
from trainables.data.knowledge_files import KnowledgeFile
from trainables.data.sets.knobo_knowledge import prior_files, subject_of
from trainables.data.transforms import Resize
from trainables.engine.inputs import Channels, check_channels, check_resize
from trainables.errors import ConfigError, check_at_least
from trainables.head_training import HeadTraining
from trainables.knowledge import Knowledge
from trainables.models.card import RANDOM
from trainables.models.text_pairs import check_text_pair
from trainables.shift import check_shift

Scores = Literal["grounding", "text"]
Residual = Literal["none", "joint", "sequential"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """A linear layer on concept scores: KnoBo (Yang et al., NeurIPS 2024), and PCBM-h.

    Args:
        backbone: the one whose features the grounding functions read.
        shift_domains: domains also tested on, at the end, as ``test_shift/``.
        image_size_px: side of the square input; the backbone card's own when None.
        channels: 'rgb' feeds grey pictures three times over; 'native' feeds as many channels as the
            data set has, through a stem that is cut to them (see docs/models.md).
        resize: 'squash' makes pictures square whatever their shape; 'center_crop' scales the short
            side and takes the middle, as CLIP does; 'pad' puts black around them until they are
            square. Towers of the input ``clip`` bring their own way.
        knowledge: which the grounding functions were learned from, and where the prior comes from;
            None: they were learned from labels.
        concepts: how many there are at most.
        choice: 'top' takes those whose grounding function is the most accurate; 'random' draws,
            anew for every replicate.
        scores: 'grounding', the probability that the picture shows the concept; 'text', the cosine
            of the picture with the concept's words.
        text: of 'text': the encoder that shares the backbone's space; None: the text tower in the
            same file.
        prior_weight: of the distance to the prior beside the cross-entropy; 0 knows nothing of the
            classes.
        residual: 'joint' adds a linear layer on the feature itself and trains both together, as
            KnoBo's released PCBM-h does; 'sequential' fits a sparse bottleneck first, keeps it, and
            trains the layer on the feature alone, as the authors of PCBM-h do.
        residual_l2: weight of the mean square of that layer's weights in the loss.
        columns: how many columns of the feature it sees at most, drawn anew for every replicate;
            None: all. The released code draws 768.
        training: of the layers.
    """

    trainable: ClassVar[str] = "bottleneck"
    version: ClassVar[int] = 1

    backbone: BackboneRef
    data: DataRef
    shift_domains: tuple[str, ...] = ()
    image_size_px: int | None = None
    channels: Channels = "rgb"
    resize: Resize = "squash"
    knowledge: Knowledge | None = field(default_factory=Knowledge)
    concepts: int = 150
    choice: Choice = "top"
    scores: Scores = "grounding"
    text: BackboneRef | None = None
    prior_weight: float = 1.0
    residual: Residual = "none"
    residual_l2: float = 0.0
    columns: int | None = None
    training: HeadTraining = field(default_factory=HeadTraining)

    def __post_init__(self) -> None:
        check_shift(self.data, self.shift_domains)
        check_channels(self.channels)
        check_resize(self.resize)
        check_at_least(
            1, image_size_px=self.image_size_px, concepts=self.concepts, columns=self.columns
        )
        for name, known in {
            "choice": ("top", "random"),
            "scores": ("grounding", "text"),
            "residual": ("none", "joint", "sequential"),
        }.items():
            if getattr(self, name) not in known:
                raise ConfigError(f"{name} must be one of {known}, got '{getattr(self, name)}'")
        self._check_scores()
        self._check_residual()
        if self.knowledge is None and self.prior_weight:
            raise ConfigError("knowledge=None has no prior: set prior_weight=0")

    def _check_scores(self) -> None:
        if self.backbone.weights == RANDOM:
            raise ConfigError(
                f"'{self.backbone.card}' with random weights is another network in every trial, "
                "which grounding functions of another trial do not fit: choose its weights"
            )
        if self.scores == "text":
            check_text_pair(self.backbone, self.text)
        elif self.text is not None:
            raise ConfigError("text is of scores=text: grounding functions read no words")

    def _check_residual(self) -> None:
        check_at_least(0, prior_weight=self.prior_weight, residual_l2=self.residual_l2)
        if self.residual == "none":
            if self.residual_l2 or self.columns is not None:
                raise ConfigError("residual_l2 and columns are of a residual: set residual")
        elif self.prior_weight:
            raise ConfigError("a bottleneck with a residual has no prior: set prior_weight=0")

    def knowledge_files(self) -> tuple[KnowledgeFile, ...]:
        """Return the file with the prior, where there is one."""
        return prior_files(subject_of(self.data.name)) if self.prior_weight else ()


def run(config: Config, context: Context) -> dict[str, float]:
    """Train, reporting every epoch; replicates return test metrics.

    Needs the artifacts of a ``grounding`` trial as the input ``grounding``. Leaves
    ``bottleneck.json``, for each class its concepts by their weight, and
    ``bottleneck.safetensors``: see :func:`trainables.concepts.bottleneck_files.load_bottleneck`.

    Raises:
        ConfigError: the input is missing or of other features; or a multilabel task.
        DatasetError, WeightsError: something the config names is not here or damaged; or the prior
            says nothing of a class or concept.
        NonFiniteLossError: the loss became NaN or infinite.
    """
    from trainables.analyses.bottlenecks import train_and_test

    return train_and_test(config, context)
