"""Sets of MedVLSM whose released lists repeat pictures, each picture once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from trainables.data.card import SPLITS
from trainables.data.manifest import Row
from trainables.data.prepared import PreparedSource
from trainables.data.sets.segmentation_sets import REPEATING, deduplicated
from trainables.data.sets.segmentation_source import SOURCES as AS_RELEASED
from trainables.errors import DatasetError


def without_repeats(name: str, rows: Sequence[Row]) -> list[Row]:
    """Keep one case of every picture: a test case, else one of validation, else the first listed.

    So tests stay those of the released lists. For sets with one case per picture.

    Args:
        name: of the set as released.

    Raises:
        DatasetError: no picture is there twice.
    """
    kept: dict[str, int] = {}
    for split in reversed(SPLITS):
        for number, row in enumerate(rows):
            if row.split == split:
                kept.setdefault(row.sha256, number)
    if len(kept) == len(rows):
        raise DatasetError(
            f"no two pictures of '{name}' have one content, though its released lists repeat some: "
            f"these are other lists, or files were written anew. Take '{name}'."
        )
    return [rows[number] for number in sorted(kept.values())]


SOURCES: Mapping[str, PreparedSource] = {
    deduplicated(name): replace(AS_RELEASED[name], select=partial(without_repeats, name))
    for name in REPEATING
}
