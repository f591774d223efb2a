"""Classify pictures by phrases about the classes: language in a bottle (LaBo)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from trainables.config import BackboneRef, DataRef
from trainables.context import Context
from trainables.data.class_phrases import phrase_files
from trainables.data.knowledge_files import KnowledgeFile
from trainables.data.transforms import Resize
from trainables.engine.inputs import Channels, check_channels, check_resize
from trainables.errors import check_at_least
from trainables.head_training import HeadTraining
from trainables.models.text_pairs import check_text_pair
from trainables.shift import check_shift


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """LaBo (Yang et al., CVPR 2023), a baseline of KnoBo (NeurIPS 2024, appendix B.2).

    Of the phrases about each class some are kept, so that they tell the classes apart and cover the
    others; a picture scores as its cosines with them, weighted by what is trained.

    Args:
        backbone: an image tower of CLIP's kind, or that of the input ``clip``.
        text: the text encoder that shares its space; None: the text tower in the same file.
        shift_domains: domains also tested on, at the end, as ``test_shift/``.
        image_size_px: side of the square input; the backbone card's own when None.
        channels, resize: as of ``zero_shot``.
        per_class: how many phrases of a class are kept at most.
        information_weight, coverage_weight: of the two parts of what is maximised, see
            :mod:`trainables.concepts.phrase_choice`.
        training: of the association of phrases with classes. LaBo's own config goes on for 10,000
            epochs.
    """

    trainable: ClassVar[str] = "labo"
    version: ClassVar[int] = 1

    backbone: BackboneRef
    data: DataRef
    text: BackboneRef | None = None
    shift_domains: tuple[str, ...] = ()
    image_size_px: int | None = None
    channels: Channels = "rgb"
    resize: Resize = "squash"
    per_class: int = 50
    information_weight: float = 1e7
    coverage_weight: float = 0.1
    training: HeadTraining = field(
        default_factory=lambda: HeadTraining(epochs=1000, batch_size=256, lr=5e-4)
    )

    def __post_init__(self) -> None:
        check_shift(self.data, self.shift_domains)
        check_channels(self.channels)
        check_resize(self.resize)
        check_text_pair(self.backbone, self.text)
        check_at_least(1, image_size_px=self.image_size_px, per_class=self.per_class)
        check_at_least(
            0, information_weight=self.information_weight, coverage_weight=self.coverage_weight
        )

    def knowledge_files(self) -> tuple[KnowledgeFile, ...]:
        """Return the file of the phrases; none of a twin's."""
        return phrase_files(self.data.name)


def run(config: Config, context: Context) -> dict[str, float]:
    """Train, reporting every epoch; replicates return test metrics.

    Leaves ``labo.json``: for each class its phrases by their weight.

    Raises:
        DatasetError, WeightsError: something the config names is not here or damaged; or a class
            has no phrases.
        ConfigError: a multilabel task.
        NonFiniteLossError: the loss became NaN or infinite.
    """
    from trainables.analyses.phrases import train_and_test

    return train_and_test(config, context)
