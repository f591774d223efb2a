"""What is known about a data set without opening it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from trainables.outside import is_outside

Split = Literal["train", "val", "test"]
Task = Literal["multiclass", "multilabel"]

SPLITS: tuple[Split, ...] = ("train", "val", "test")

_READING = ("task", "classes", "domains", "channels", "mean", "std", "prompt_types")


@dataclass(frozen=True, kw_only=True, slots=True)
class DataCard:
    """The one description of a data set.

    Args:
        classes: empty for pictures without labels, whose task is 'multilabel'.
        channels: of the original pictures; every picture is handed out with three.
        domains: cameras, hospitals or sources that a study may train or test on separately.
        how_to_get: what to fetch, in words, for sets that must be brought by the user.
        expected_counts: pictures per split of the complete set, 0 where it has no such split;
            empty when any size is fine.
        expected_classes: pictures per class of every complete domain, over all splits; a domain
            that is not listed may have any number.
        mean, std: statistics of the training pictures in [0, 1], per channel; None if unknown.
        prompt_types: of the prompts that every case has, in the data's order, where the set is for
            segmentation: an item then is a case, a picture and one structure on it, and its label
            is the structure's class.
        overlap: why some groups or pictures are in more than one split on purpose; empty when none
            may be.
        twin: name of the card that stands in for this one offline.
        module: module in ``trainables/data`` whose ``SOURCE`` opens the set, or whose ``SOURCES``
            has an entry of the card's name that does; the full name of a user's module on a card
            of theirs.
    """

    name: str
    title: str
    task: Task
    classes: tuple[str, ...]
    domains: tuple[str, ...]
    kind: Literal["real", "synthetic"]
    licence: str
    module: str
    channels: int = 3
    homepage: str = ""
    how_to_get: str = ""
    expected_counts: Mapping[Split, int] = field(default_factory=dict)
    expected_classes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    prompt_types: tuple[str, ...] = ()
    overlap: str = ""
    twin: str | None = None

    def full_name(self, module: str) -> str:
        """Return the full name of a module that the card or its source names."""
        return module if is_outside(self.name) else f"trainables.data.{module}"

    def reading(self) -> dict[str, Any]:
        """Return what the card says about how the set is read, without words for people."""
        return {name: getattr(self, name) for name in _READING}


@dataclass(frozen=True, kw_only=True, slots=True)
class DataStatus:
    """Whether a data set can be opened here.

    Args:
        digest: identity of its content, independent of where it lies; empty when absent.
        reason: when absent, what to fetch, where to put it, which command to run.
        absent_domains: those of the card that cannot be opened though the set is present.
    """

    card: DataCard
    digest: str
    present: bool
    reason: str = ""
    absent_domains: tuple[str, ...] = ()
