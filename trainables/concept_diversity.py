"""How different the concepts of a bottleneck are from each other, by what a text encoder reads."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from trainables.config import BackboneRef
from trainables.context import Context
from trainables.data.knowledge_files import KnowledgeFile
from trainables.data.sets.knobo_knowledge import concept_files
from trainables.errors import ConfigError, check_at_least
from trainables.knowledge import SOURCES, SUBJECTS, Source, Subject


def _mpnet() -> BackboneRef:
    return BackboneRef(card="mpnet", weights="sentence_pairs")


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """The mean distance of two concepts of a list (Yang et al., NeurIPS 2024, section 6.2).

    Args:
        subject: what the concepts are about; no pictures are read.
        source: of the list.
        concepts: the first so many of the list at most.
        text: the encoder of the questions.
    """

    trainable: ClassVar[str] = "concept_diversity"
    version: ClassVar[int] = 1

    subject: Subject
    source: Source = "PubMed"
    concepts: int = 150
    text: BackboneRef = field(default_factory=_mpnet)

    def __post_init__(self) -> None:
        for name, known in {"subject": SUBJECTS, "source": SOURCES}.items():
            if getattr(self, name) not in known:
                raise ConfigError(f"{name} must be one of {known}, got '{getattr(self, name)}'")
        check_at_least(2, concepts=self.concepts)

    def knowledge_files(self) -> tuple[KnowledgeFile, ...]:
        """Return the list of concepts."""
        return concept_files(self.subject, self.source)


def run(config: Config, context: Context) -> dict[str, float]:
    """Report ``val/diversity`` as step 1, the only one; nothing is trained or tested.

    Replicates return ``diversity``, the mean of 1 - cosine over pairs of different concepts, as the
    paper defines it; ``diversity_as_released``, in which every concept counts as at distance 1 from
    itself, as the released code prints it; and how many concepts there were.

    Raises:
        DatasetError, WeightsError: something the config names is not here or damaged, or the list
            has a single concept.
    """
    from trainables.analyses.diversity import measure

    return measure(config, context)
