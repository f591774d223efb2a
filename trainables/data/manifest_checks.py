"""Checks of a prepared set: its manifest, then the files the manifest lists."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from trainables.data.atomic_file import sha256_of
from trainables.data.card import DataCard
from trainables.data.manifest import (
    MANIFEST,
    Row,
    read_manifest,
    read_prepared,
)
from trainables.data.prepare import Progress, count_differences
from trainables.data.prepared import PreparedSource
from trainables.data.problem import Problem, duplicates, label_fault
from trainables.data.structure_checks import structure_problems
from trainables.errors import DatasetError

if TYPE_CHECKING:
    from trainables.context import Locations

_SAMPLE = 64
_THREADS = 4
_MODES = {1: {"L"}, 3: {"RGB"}}

_Fault = tuple[Literal["error", "warning"], str]
_Check = Callable[[Row, bool], tuple[str, list[_Fault]]]
"""(row, whether to decode its files) -> mode of the picture, what is wrong with the files."""


def manifest_problems(
    card: DataCard,
    source: PreparedSource,
    locations: Locations,
    full: bool,
    progress: Progress | None = None,
) -> Iterator[Problem]:
    """Yield what is wrong with a prepared set.

    Raises:
        DatasetError: the manifest or the JSON card cannot be read.
    """
    folder = locations.data / card.name
    rows, prepared = read_manifest(folder / MANIFEST), read_prepared(folder)
    if prepared is None:
        raise DatasetError(f"{folder} holds no prepared set")
    if source.arrange(rows)[0] != prepared.digest:
        yield Problem(
            severity="error",
            where=str(folder / MANIFEST),
            what="altered since it was prepared; run 'xenograft prepare' again",
        )
    differs = count_differences(card, ((row.split, row.domain, row.label) for row in rows))
    if differs:
        yield Problem(severity="warning", where=card.name, what=differs)
    for row in rows:
        yield from _label_problems(card, row)
    for leak in chain(_torn_groups(rows), duplicates(_pictures(rows))):
        yield _expected(leak, card.overlap) if card.overlap else leak
    if source.examine:
        yield from source.examine(rows)
    check = partial(
        _check_file, prepared.source, mend=source.mend, structure=bool(card.prompt_types)
    )
    yield from _file_problems(card, check, _step(rows, full), rows, progress)
    if card.prompt_types:
        yield from structure_problems(card, prepared.source, rows[:: _step(rows, full)])


def _step(rows: list[Row], full: bool) -> int:
    """Return every how many rows files are decoded."""
    return 1 if full else max(1, len(rows) // _SAMPLE)


def _label_problems(card: DataCard, row: Row) -> Iterator[Problem]:
    faults = [label_fault(card, row.label if card.task == "multiclass" else row.labels)]
    if row.domain not in card.domains:
        faults.append(f"domain '{row.domain}' is not on the card")
    for what in filter(None, faults):
        yield Problem(severity="error", where=row.path, what=what)


def _pictures(rows: list[Row]) -> Iterable[tuple[str, str, str]]:
    """Return hash, split and path of every picture, as :func:`duplicates` takes them.

    One with several structures is listed once for each, and counts once; what is listed twice with
    the same mask, or without any, counts twice.
    """
    listed = Counter[tuple[str, str, str]]()
    found: dict[tuple[str, str, str, int], None] = {}
    for row in rows:
        listed[row.split, row.path, row.mask] += 1
        found[row.sha256, row.split, row.path, listed[row.split, row.path, row.mask]] = None
    return [(content, split, path) for content, split, path, _ in found]


def _torn_groups(rows: list[Row]) -> Iterator[Problem]:
    splits: dict[str, set[str]] = {}
    for row in rows:
        if row.group:
            splits.setdefault(row.group, set()).add(row.split)
    for group, seen in splits.items():
        if len(seen) > 1:
            yield Problem(
                severity="error",
                where=f"group {group}",
                what=f"has pictures in {' and '.join(sorted(seen))}",
            )


def _expected(leak: Problem, overlap: str) -> Problem:
    return replace(leak, severity="warning", what=f"{leak.what}; {overlap}")


def _file_problems(
    card: DataCard, check: _Check, step: int, rows: list[Row], progress: Progress | None
) -> Iterator[Problem]:
    modes: dict[str, list[str]] = {}
    with ThreadPoolExecutor(_THREADS) as pool:
        thorough = [number % step == 0 for number in range(len(rows))]
        found = zip(rows, pool.map(check, rows, thorough), strict=True)
        for done, (row, (mode, faults)) in enumerate(found, start=1):
            if progress:
                progress(done, len(rows))
            for severity, what in faults:
                yield Problem(severity=severity, where=row.path, what=what)
            if mode and mode not in _MODES[card.channels]:
                modes.setdefault(mode, []).append(row.path)
    for mode, paths in sorted(modes.items()):
        yield Problem(
            severity="warning",
            where=paths[0],
            what=f"has mode {mode} where {'/'.join(_MODES[card.channels])} is expected "
            f"({len(paths)} such pictures)",
        )


def _check_file(
    source: Path, row: Row, thorough: bool, *, mend: bool, structure: bool
) -> tuple[str, list[_Fault]]:
    """Return the picture's mode, empty if it has no use, and what is wrong with its files."""
    from PIL import Image, UnidentifiedImageError

    path = source / row.path
    faults: list[_Fault] = []
    mode, size_px = "", None
    try:
        with Image.open(path) as image:
            mode, size_px = image.mode, image.size
        if thorough:
            if sha256_of(path) != row.sha256:
                faults.append(("error", "the file has changed since it was prepared"))
            faults += _pixel_faults(path, mend)
    except FileNotFoundError:
        faults.append(("error", "the file is missing"))
    except (DatasetError, UnidentifiedImageError, OSError) as error:
        mode = ""
        faults.append(("error", f"cannot be read as a picture ({error})"))
    if row.mask:
        found = _mask_faults(source, row, size_px, thorough=thorough, structure=structure)
        faults += (("error", what) for what in found)
    return mode, faults


def _pixel_faults(path: Path, mend: bool) -> Iterator[_Fault]:
    from trainables.data.pixels import read_image

    try:
        read_image(path)
    except DatasetError:
        if not mend:
            raise
        read_image(path, mend=True)
        yield "warning", "breaks off; the missing part is flat"


def _mask_faults(
    source: Path, row: Row, size_px: tuple[int, int] | None, *, thorough: bool, structure: bool
) -> Iterator[str]:
    from PIL import Image, UnidentifiedImageError

    from trainables.data.pixels import read_mask
    from trainables.data.structure_mask import read_structure

    path = source / row.mask
    try:
        with Image.open(path) as mask:
            if size_px is not None and mask.size != size_px:
                yield f"its mask {row.mask} has {mask.size} pixels, the picture {size_px}"
        if thorough:
            if sha256_of(path) != row.mask_sha256:
                yield f"its mask {row.mask} has changed since it was prepared"
            (read_structure if structure else read_mask)(path)
    except FileNotFoundError:
        yield f"its mask {row.mask} is missing"
    except (DatasetError, UnidentifiedImageError, OSError) as error:
        yield f"its mask {row.mask} cannot be read ({error})"
