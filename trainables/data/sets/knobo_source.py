"""KnoBo's sets: pictures below one folder, listed by a split file in the folder of each set."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path

from trainables.data.card import SPLITS
from trainables.data.manifest import Row, in_listed_order
from trainables.data.prepared import PreparedSource
from trainables.data.sets.knobo_checks import examine
from trainables.data.sets.knobo_sets import KNOBO_SETS, KnoboSet
from trainables.data.split_files import find_split_file, read_split_file
from trainables.errors import DatasetError

_MOST_NAMED = 5


def scan(known: KnoboSet, source: Path) -> list[Row]:
    """List the pictures of a set in the order of its split file, which draws of few shots follow.

    Args:
        source: the folder that the paths are relative to.

    Raises:
        DatasetError: the split file is missing, wrong, or of other classes; pictures are missing.
    """
    file = find_split_file(source / known.dataset)
    found = read_split_file(file)
    if found.dataset != known.dataset or found.classes != tuple(known.counts):
        raise DatasetError(
            f"{file}: lists '{found.dataset}' with classes {', '.join(found.classes)}; "
            f"expected are '{known.dataset}' and {', '.join(known.counts)}, in this order"
        )
    rows = [
        Row(path=path, split=split, domain=known.name, label=label)
        for split in SPLITS
        for label, paths in enumerate(found.splits[split].values())
        for path in paths
    ]
    _require_pictures(source, (row.path for row in rows), file)
    return rows


SOURCES: Mapping[str, PreparedSource] = {
    known.name: PreparedSource(
        scan=partial(scan, known), arrange=in_listed_order, examine=partial(examine, known)
    )
    for known in KNOBO_SETS
}


def _require_pictures(source: Path, paths: Iterable[str], file: Path) -> None:
    missing = [path for path in dict.fromkeys(paths) if not (source / path).is_file()]
    if missing:
        raise DatasetError(
            f"{file}: {len(missing)} pictures are not below {source}, first of all "
            f"{', '.join(missing[:_MOST_NAMED])}. Upper and lower case of a suffix count."
        )
