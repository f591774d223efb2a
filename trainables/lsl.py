"""Language-shaped learning: fine-tune CLIP to tell which pictures show which concepts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from trainables.config import BackboneRef, DataRef
from trainables.context import Context
from trainables.data.knowledge_files import KnowledgeFile
from trainables.data.sets.knobo_knowledge import annotation_files, subject_of
from trainables.engine.config import FitConfig, OptimizerConfig, Precision, ScheduleConfig
from trainables.errors import ConfigError, check_at_least
from trainables.knowledge import Knowledge, check_examples
from trainables.models.cards import get_backbone_card
from trainables.models.clip_pairs import has_clip_text


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """LSL as a baseline of KnoBo (Yang et al., NeurIPS 2024, appendix B.2 and its released code).

    The cosine of a picture with a concept's question rises to ``margin`` where the picture shows
    the concept, and falls where it does not, without an end.

    Args:
        backbone: a card whose weights hold both towers; both are trained, and projections. With the
            input ``clip``, the one that was fine-tuned there.
        data, knowledge: as of ``grounding``; every concept of the list that has enough pictures is
            learned, from as many that show it as that do not.
        margin: the cosine that a picture and a concept it shows need not exceed.
        batch_size: pictures with a concept each, per optimizer step over all ranks together.
        optimizer: Adam; its decay is of every parameter.
        max_examples, train_examples, least_held_out: pictures of a concept, as of ``grounding``.
    """

    trainable: ClassVar[str] = "lsl"
    version: ClassVar[int] = 1

    backbone: BackboneRef
    data: DataRef
    knowledge: Knowledge | None = field(default_factory=Knowledge)
    margin: float = 0.6
    epochs: int = 20
    batch_size: int = 64
    optimizer: OptimizerConfig = field(
        default_factory=lambda: OptimizerConfig(name="adam", lr=1e-6, weight_decay=1e-6)
    )
    max_examples: int = 10_000
    train_examples: int = 2_000
    least_held_out: int = 10
    image_size_px: int | None = None
    precision: Precision = "fp32"

    def __post_init__(self) -> None:
        card = get_backbone_card(self.backbone.card)
        if not has_clip_text(card):
            raise ConfigError(f"'{card.name}' brings no text tower of CLIP to train beside it")
        if self.backbone.output_block is not None:
            raise ConfigError("backbone.output_block: both towers of CLIP are trained whole")
        if not -1 <= self.margin <= 1:
            raise ConfigError(f"margin is a cosine, so in [-1, 1], got {self.margin}")
        if self.optimizer.name != "adam":
            raise ConfigError(f"optimizer.name must be adam, got '{self.optimizer.name}'")
        check_examples(self.max_examples, self.train_examples, self.least_held_out)
        check_at_least(1, image_size_px=self.image_size_px)
        self.fit_config()

    def knowledge_files(self) -> tuple[KnowledgeFile, ...]:
        """Return the list of concepts, their annotations, and the pictures of reports."""
        if self.knowledge is None:
            return ()
        return annotation_files(subject_of(self.data.name), self.knowledge)

    def fit_config(self) -> FitConfig:
        """Return what the training loop needs of this config."""
        return FitConfig(
            epochs=self.epochs,
            batch_size=self.batch_size,
            optimizer=self.optimizer,
            schedule=ScheduleConfig(name="constant"),
            precision=self.precision,
            selection_metric="val/loss",
            selection="lowest",
            decay_all=True,
        )


def run(config: Config, context: Context) -> dict[str, float]:
    """Train, reporting every epoch; replicates leave the best epoch's towers and return its values.

    The towers are those of the lowest ``val/loss``, over the pictures that ``grounding`` would hold
    out of each concept. They are left as a folder as ``align`` leaves it, and are the input
    ``clip`` of other cells. There is no test split: other trials test what was trained.

    Raises:
        DatasetError, WeightsError: something the config names is not here or damaged; or no concept
            has enough pictures.
        ConfigError: without knowledge, the set is not multilabel; or the input ``clip`` holds
            towers of another architecture.
        NonFiniteLossError: the loss became NaN or infinite.
    """
    from trainables.alignment.concept_training import train

    return train(config, context)
