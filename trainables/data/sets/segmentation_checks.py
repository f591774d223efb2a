"""What in annotations of cases is allowed but odd; what is wrong stops the preparation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from trainables.data.manifest import Row
from trainables.data.problem import Problem
from trainables.data.prompts import prompts_of_text

_EMPTY_TYPE = "p0"
"""Which segmentation without a text is asked for with."""


def examine_cases(rows: Sequence[Row]) -> Iterator[Problem]:
    """Warn of prompts without text, of their order, and of masks that two pictures share."""
    silent: dict[str, list[Row]] = {}
    reordered = []
    pictures: dict[str, set[str]] = {}
    for row in rows:
        prompts = prompts_of_text(row.prompts)
        for kind, wordings in prompts.items():
            if kind != _EMPTY_TYPE and not all(text.strip() for text in wordings):
                silent.setdefault(kind, []).append(row)
        if next(iter(prompts), _EMPTY_TYPE) != _EMPTY_TYPE:
            reordered.append(row)
        pictures.setdefault(row.mask, set()).add(row.path)
    for kind, odd in silent.items():
        yield _warning(odd[0].mask, f"{len(odd)} cases have a prompt '{kind}' without any text")
    if reordered:
        yield _warning(
            reordered[0].mask,
            f"{len(reordered)} cases do not list '{_EMPTY_TYPE}' first, and a random prompt is "
            "drawn from all types but the first",
        )
    for mask, shared in pictures.items():
        if len(shared) > 1:
            yield _warning(mask, f"is the mask of {' and '.join(sorted(shared))}")


def _warning(where: str, what: str) -> Problem:
    return Problem(severity="warning", where=where, what=what)
