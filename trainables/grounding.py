"""Learn to tell from frozen features whether a picture shows a concept, for many concepts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from trainables.config import BackboneRef, DataRef
from trainables.context import Context
from trainables.data.knowledge_files import KnowledgeFile
from trainables.data.sets.knobo_knowledge import annotation_files, subject_of
from trainables.data.transforms import Resize
from trainables.engine.inputs import Channels, check_channels, check_resize
from trainables.errors import ConfigError, check_at_least
from trainables.knowledge import Knowledge, check_examples


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """One logistic regression per concept, as Yang et al. (NeurIPS 2024, section 4.3) fit them.

    Args:
        data: a corpus of findings, or a multilabel set. Its training pictures are used; of these
            up to 50 that show a concept, and as many that do not, are held out to rank it by.
        knowledge: which concepts there are, and which pictures show them; None: the classes of a
            multilabel set, and its labels.
        image_size_px: side of the square input; the backbone card's own when None.
        channels: 'rgb' feeds grey pictures three times over; 'native' feeds as many channels as the
            data set has, through a stem that is cut to them (see docs/models.md).
        resize: 'squash' makes pictures square whatever their shape; 'center_crop' scales the short
            side and takes the middle, as CLIP does; 'pad' puts black around them until they are
            square. Towers of the input ``clip`` bring their own way.
        max_examples: the most pictures drawn for a concept.
        train_examples: the most that are fitted to.
        least_held_out: a concept is left out when fewer would be held out on a side, which are a
            tenth of the smaller one. The published 10 leave no concept of 100 reports.
        inverse_l2: weight of the data against the L2 penalty (C in scikit-learn).
    """

    trainable: ClassVar[str] = "grounding"
    version: ClassVar[int] = 1

    backbone: BackboneRef
    data: DataRef
    knowledge: Knowledge | None = field(default_factory=Knowledge)
    image_size_px: int | None = None
    channels: Channels = "rgb"
    resize: Resize = "squash"
    max_examples: int = 10_000
    train_examples: int = 2_000
    least_held_out: int = 10
    inverse_l2: float = 1.0

    def __post_init__(self) -> None:
        check_channels(self.channels)
        check_resize(self.resize)
        check_at_least(1, image_size_px=self.image_size_px)
        check_examples(self.max_examples, self.train_examples, self.least_held_out)
        if not self.inverse_l2 > 0:
            raise ConfigError(f"inverse_l2 must be > 0, got {self.inverse_l2}")

    def knowledge_files(self) -> tuple[KnowledgeFile, ...]:
        """Return the list of concepts, their annotations, and the pictures of reports."""
        if self.knowledge is None:
            return ()
        return annotation_files(subject_of(self.data.name), self.knowledge)


def run(config: Config, context: Context) -> dict[str, float]:
    """Fit, report the mean accuracy on held-out pictures at step 1; replicates leave the functions.

    They are the input ``grounding`` of a bottleneck. Returns how many concepts were learned, how
    many had too few pictures, and the mean accuracy.

    Raises:
        DatasetError, WeightsError: something the config names is not here or damaged; or no concept
            has enough pictures.
        ConfigError: without knowledge, the set is not multilabel.
    """
    from trainables.analyses.grounded import fit_and_save

    return fit_and_save(config, context)
