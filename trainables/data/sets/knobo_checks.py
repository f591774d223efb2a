"""What is known to be wrong with KnoBo's released splits, counted in those that are here."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

from trainables.data.card import SPLITS
from trainables.data.manifest import Row
from trainables.data.problem import Problem
from trainables.data.sets.knobo_sets import KnoboSet
from trainables.data.split_files import split_digest


def examine(known: KnoboSet, rows: Sequence[Row]) -> Iterator[Problem]:
    """Warn of splits that are not the released ones, of patients, lesions and pictures in two."""
    for what in (*_altered(known, rows), *_shared_patients(known, rows), *_listed_twice(rows)):
        yield Problem(severity="warning", where=known.name, what=what)
    if known.leak:
        yield Problem(severity="warning", where=known.name, what=known.leak)


def _altered(known: KnoboSet, rows: Sequence[Row]) -> Iterator[str]:
    for split, released in zip(SPLITS, known.digests, strict=True):
        by_class: dict[str, list[str]] = {name: [] for name in known.counts}
        for row in rows:
            if row.split == split and row.label is not None:
                by_class[tuple(known.counts)[row.label]].append(row.path)
        found = split_digest(by_class)
        if found != released:
            yield f"{split} is not the released split: its digest is {found}, not {released}"


def _shared_patients(known: KnoboSet, rows: Sequence[Row]) -> Iterator[str]:
    if not known.patient:
        return
    patients: Mapping[str, set[str]] = {split: set() for split in SPLITS}
    for row in rows:
        named = re.search(known.patient, row.path)
        if named:
            patients[row.split].add(named[0])
    for one, other in combinations(SPLITS, 2):
        shared = len(patients[one] & patients[other])
        if shared:
            yield f"{shared} of {len(patients[other])} patients of {other} are in {one} too"


def _listed_twice(rows: Sequence[Row]) -> Iterator[str]:
    by_path: dict[str, list[Row]] = {}
    for row in rows:
        by_path.setdefault(row.path, []).append(row)
    repeated = [same for same in by_path.values() if len(same) > 1]
    if not repeated:
        return
    places = Counter(
        " and ".join(split for split in SPLITS if split in {row.split for row in same})
        for same in repeated
    )
    labels = sum(len({row.label for row in same}) > 1 for same in repeated)
    listed = ", ".join(f"{number} in {place}" for place, number in sorted(places.items()))
    yield (
        f"{len(repeated)} pictures are listed more than once ({listed}), {labels} of them with "
        "different labels"
    )
