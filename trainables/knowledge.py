"""Which of the knowledge of concepts a trial reads. No torch here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from trainables.errors import ConfigError, check_at_least

Source = Literal["PubMed", "StatPearls", "Textbooks", "Wikipedia", "prompt"]
"""Where the questions of a bottleneck come from; the last one is a language model alone."""

Subject = Literal["skin", "xray", "skin_twin", "xray_twin"]
"""What concepts are about; those of twins are made up."""

Annotator = Literal["flan_t5", "gpt4"]
"""Which language model answered the questions from reports."""

SOURCES: tuple[Source, ...] = get_args(Source)
SUBJECTS: tuple[Subject, ...] = get_args(Subject)
ANNOTATORS: tuple[Annotator, ...] = get_args(Annotator)

MOST_HELD_OUT = 50
"""Pictures on each side of a concept that it is judged by, at most."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Knowledge:
    """A list of concepts, and reports that say which pictures show them.

    The data set of the trial decides on the modality, and on whether files are read or made-up
    knowledge of generated pictures is taken (see docs/concepts.md).

    Args:
        source: of the list (Yang et al., NeurIPS 2024, Table 3).
        annotator: of the reports (Table 10).
        reports: the most reports of each concept, drawn from all that were annotated (Table 13);
            None: all of them.
    """

    source: Source = "PubMed"
    annotator: Annotator = "flan_t5"
    reports: int | None = None

    def __post_init__(self) -> None:
        for name, known in {"source": SOURCES, "annotator": ANNOTATORS}.items():
            if getattr(self, name) not in known:
                raise ConfigError(f"{name} must be one of {known}, got '{getattr(self, name)}'")
        check_at_least(2, reports=self.reports)


def check_examples(max_examples: int, train_examples: int, least_held_out: int) -> None:
    """Make sure that a concept can have enough pictures to be learned from and judged by.

    See :func:`trainables.concepts.sampling.sample_concept`.

    Raises:
        ConfigError: no concept can, or a number is out of range.
    """
    if not 1 <= least_held_out <= MOST_HELD_OUT:
        raise ConfigError(
            f"least_held_out must be from 1 to {MOST_HELD_OUT}, the most that are held out, got "
            f"{least_held_out}"
        )
    # Of each of two sides a tenth is held out.
    least = 20 * least_held_out
    if max_examples < least:
        raise ConfigError(
            f"max_examples must be >= {least} with least_held_out={least_held_out}, or no concept "
            f"has enough, got {max_examples}"
        )
    check_at_least(2, train_examples=train_examples)
