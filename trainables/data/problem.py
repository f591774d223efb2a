"""What a check of a data set finds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from trainables.data.card import DataCard


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """One finding, one line.

    Args:
        severity: an error makes results wrong or a run fail; a warning deserves a look.
        where: the file, row, group or split concerned.
        what: what is wrong with it.
    """

    severity: Literal["error", "warning"]
    where: str
    what: str


def duplicates(found: Iterable[tuple[str, str, str]]) -> Iterator[Problem]:
    """Report equal contents: an error across splits, a warning within one.

    Args:
        found: (hash of the content, split, name) of every picture.
    """
    by_hash: dict[str, list[tuple[str, str]]] = {}
    for content, split, name in found:
        by_hash.setdefault(content, []).append((split, name))
    for same in by_hash.values():
        if len(same) == 1:
            continue
        splits = sorted({split for split, _ in same})
        names = ", ".join(name for _, name in same[1:])
        yield Problem(
            severity="warning" if len(splits) == 1 else "error",
            where=same[0][1],
            what=f"same content as {names} ({' and '.join(splits)})",
        )


def label_fault(card: DataCard, label: int | Sequence[float] | None) -> str:
    """Say what is wrong with a label (multi-label: 0 or 1 per class), or return an empty string."""
    classes = len(card.classes)
    if card.task == "multilabel":
        fine = isinstance(label, Sequence) and len(label) == classes and set(label) <= {0, 1}
        return "" if fine else f"labels {label} are not {classes} values of 0 or 1"
    fine = isinstance(label, int) and 0 <= label < classes
    return "" if fine else f"label {label} is not one of 0 to {classes - 1}"
