"""Turn a folder the user brought into a prepared set: scan, hash, write the manifest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from trainables.data.atomic_file import sha256_of
from trainables.data.card import DataCard, Split
from trainables.data.cards import get_data_card, source_of
from trainables.data.manifest import (
    PreparedData,
    Row,
    split_counts,
    write_manifest,
    write_prepared,
)
from trainables.data.prepared import PreparedSource
from trainables.errors import DatasetError, StorageError

if TYPE_CHECKING:
    from trainables.context import Locations

Progress = Callable[[int, int], None]
"""Called with (pictures done, pictures in all)."""

# Hashing releases the interpreter lock and mostly waits for the disk.
_THREADS = 8


def prepare(
    name: str, source: Path, locations: Locations, progress: Progress | None = None
) -> PreparedData:
    """Prepare a real data set from ``source``; the files stay where they are.

    Running it again gives the same digest, and the same set again if files have moved.

    Raises:
        DatasetError: the set needs no preparation, a file is missing, a column or label is wrong.
        StorageError: the data folder cannot be written.
    """
    card = get_data_card(name)
    data_source = source_of(card)
    if not isinstance(data_source, PreparedSource):
        raise DatasetError(f"data set '{name}' needs no preparation: {_why(card)}")
    if not source.is_dir():
        raise DatasetError(f"{source} is not a folder. Expected there: {card.how_to_get}.")
    rows = _hash(data_source.scan(source), source, progress)
    if data_source.select:
        rows = data_source.select(rows)
    digest, _ = data_source.arrange(rows)
    present = {row.domain for row in rows}
    prepared = PreparedData(
        name=name,
        folder=locations.data / name,
        source=source.resolve(),
        rows=len(rows),
        digest=digest,
        counts=split_counts(rows),
        differs=count_differences(card, ((row.split, row.domain, row.label) for row in rows)),
        absent_domains=tuple(domain for domain in card.domains if domain not in present),
    )
    try:
        prepared.folder.mkdir(parents=True, exist_ok=True)
        write_manifest(prepared.folder, rows)
        # Last, because its presence is what makes the set prepared.
        write_prepared(prepared)
    except OSError as error:
        raise StorageError(f"{prepared.folder} cannot be written: {error.strerror}") from error
    return prepared


def count_differences(card: DataCard, pictures: Iterable[tuple[Split, str, object]]) -> str:
    """Say how the numbers of pictures differ from the card's, or return an empty string.

    Args:
        pictures: (split, domain, label) of every one.
    """
    per_split, per_class = Counter[str](), Counter[tuple[str, object]]()
    for split, domain, label in pictures:
        per_split[split] += 1
        if domain in card.expected_classes:
            per_class[domain, label] += 1
    expected = {split: (per_split[split], n) for split, n in card.expected_counts.items()}
    differs = [f"{k}: {n} pictures instead of {m}" for k, (n, m) in expected.items() if n != m]
    for domain, numbers in card.expected_classes.items():
        found = tuple(per_class[domain, label] for label in range(len(numbers)))
        if not any(found):
            differs.append(f"{domain}: no pictures")
        elif found != numbers:
            differs.append(f"{domain}: {_listed(found)} pictures per class, not {_listed(numbers)}")
    return "; ".join(differs)


def _listed(numbers: Sequence[int]) -> str:
    return "/".join(map(str, numbers))


def _why(card: DataCard) -> str:
    if card.kind == "synthetic":
        return "it is generated when first used"
    return f"it is read from where it lies ({card.how_to_get})"


def _hash(rows: list[Row], source: Path, progress: Progress | None) -> list[Row]:
    hashed = []
    with ThreadPoolExecutor(_THREADS) as pool:
        for done, row in enumerate(pool.map(lambda row: _hashed(row, source), rows), start=1):
            hashed.append(row)
            if progress:
                progress(done, len(rows))
    return hashed


def _hashed(row: Row, source: Path) -> Row:
    mask_sha256 = _sha256(source / row.mask) if row.mask else ""
    return replace(row, sha256=_sha256(source / row.path), mask_sha256=mask_sha256)


def _sha256(path: Path) -> str:
    try:
        return sha256_of(path)
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror})") from error
