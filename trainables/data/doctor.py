"""Look for what is wrong with a data set before a study spends hours on it. Changes nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from trainables.config import DataRef
from trainables.data.card import SPLITS, DataCard, Split
from trainables.data.cards import data_status, source_of
from trainables.data.manifest_checks import manifest_problems
from trainables.data.pooled_source import PooledSource
from trainables.data.prepare import Progress, count_differences
from trainables.data.prepared import PreparedSource
from trainables.data.problem import Problem, duplicates, label_fault
from trainables.data.sets.knobo_cards import KNOBO_CARDS
from trainables.data.sets.knobo_knowledge_checks import knowledge_problems
from trainables.errors import DatasetError

if TYPE_CHECKING:
    from trainables.context import Locations
    from trainables.data.image_set import ImageSet

__all__ = ["Problem", "doctor"]


def doctor(
    name: str, locations: Locations, full: bool = False, progress: Progress | None = None
) -> list[Problem]:
    """Check a data set: files, contents, labels, counts, and leaks between splits.

    Args:
        full: decode and hash every file; otherwise read every header and a sample of contents.
            Sets kept in arrays are small and always read whole.
        progress: told how many files of how many are examined.

    Raises:
        SelectionError: there is no such data set.
    """
    status = data_status(name, locations)
    if not status.present:
        return [Problem(severity="error", where=name, what=status.reason)]
    try:
        source = source_of(status.card)
        if isinstance(source, PooledSource):
            return [
                found
                for member in source.members.values()
                for found in doctor(member, locations, full, progress)
            ]
        if isinstance(source, PreparedSource):
            problems = list(manifest_problems(status.card, source, locations, full, progress))
            if status.card in KNOBO_CARDS:
                problems += knowledge_problems(status.card, locations)
            return problems
        return list(_array_problems(status.card, locations))
    except DatasetError as error:
        return [Problem(severity="error", where=name, what=str(error))]


def _array_problems(card: DataCard, locations: Locations) -> Iterator[Problem]:
    from trainables.data.open import load_split

    sets = {
        split: load_split(DataRef(name=card.name), split, locations)
        for split in SPLITS
        # Without labels there is nothing to test.
        if card.expected_counts.get(split) != 0 and (card.classes or split != "test")
    }
    differs = count_differences(card, (facts for s in sets.values() for facts in _facts(s)))
    if differs:
        yield Problem(severity="warning", where=card.name, what=differs)
    for split, image_set in sets.items():
        for image_id, label in zip(image_set.ids, image_set.labels.tolist(), strict=True):
            what = label_fault(card, label)
            if what:
                yield Problem(severity="error", where=f"{split}/{image_id}", what=what)
    yield from duplicates(found for image_set in sets.values() for found in _hashes(image_set))


def _facts(image_set: ImageSet) -> Iterator[tuple[Split, str, object]]:
    for domain, label in zip(image_set.domain_of, image_set.labels.tolist(), strict=True):
        yield image_set.split, str(domain), label


def _hashes(image_set: ImageSet) -> Iterator[tuple[str, str, str]]:
    for index, image_id in enumerate(image_set.ids):
        content = hashlib.sha256(image_set.image(index).numpy().tobytes())
        if image_set.masks is not None:
            # A picture is there once for each of its structures.
            content.update(image_set.mask(index).numpy().tobytes())
        yield content.hexdigest(), image_set.split, f"{image_set.split}/{image_id}"
