"""The sets of MedVLSM as their authors lay them out, below one folder.

``<set>/anns/{train,val,test}.json`` lists the cases, ``<set>/images`` and ``<set>/masks`` hold the
files.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path, PurePosixPath

from trainables.data.card import SPLITS, Split
from trainables.data.manifest import Row
from trainables.data.prepared import PreparedSource
from trainables.data.prompts import prompts_text
from trainables.data.sets.segmentation_annotations import Case, read_cases
from trainables.data.sets.segmentation_checks import examine_cases
from trainables.data.sets.segmentation_sets import BY_NAME, SEGMENTATION_SETS, SegmentationSet
from trainables.errors import DatasetError

_MOST_NAMED = 5
_LOOKED_AT = 16
_MIXED_UP, _MIXED_UP_WITH = "cvc300_polyp", "colondb_polyp"
_PATIENT = re.compile(r"patient\d+")


def scan(known: SegmentationSet, source: Path) -> list[Row]:
    """List the cases of a set.

    Args:
        source: the folder that holds the set's folder.

    Raises:
        DatasetError: an annotation file is missing or wrong, tells no class, or is another set's;
            pictures or masks are missing; masks are of another kind.
    """
    folder = source / known.folder
    if not folder.is_dir():
        raise DatasetError(
            f"{folder} is not a folder. DIR of --source is the one that holds '{known.folder}/', "
            "with anns/, images/ and masks/ in it."
        )
    listed = {split: list(_cases(known, folder, split)) for split in SPLITS}
    _require_own_cases(known, source, listed["test"])
    rows = [
        row
        for split, cases in listed.items()
        for case in cases
        for row in _rows(known, split, case, folder)
    ]
    _require_files(source, rows)
    _require_masks(source, rows)
    return rows


def _cases(known: SegmentationSet, folder: Path, split: Split) -> Iterator[Case]:
    # Of a set that is only tested on, the training list is for testing too.
    lists = (SPLITS[0], split) if known.only_tested else (split,)
    if known.counts[split]:
        for name in lists:
            yield from read_cases(folder / "anns" / f"{name}.json", known.prompt_types, known.name)


def _rows(known: SegmentationSet, split: Split, case: Case, folder: Path) -> Iterator[Row]:
    found = _class_of(known, case, folder)
    if found not in known.classes:
        return
    part = PurePosixPath(known.parts.get(split, ""))
    patient = _PATIENT.search(case.picture) if known.by_patient else None
    yield Row(
        path=(known.folder / PurePosixPath("images") / part / case.picture).as_posix(),
        split=split,
        domain=known.name,
        label=list(known.classes).index(found),
        # Numbers of patients start again in every folder.
        group=(part / patient[0]).as_posix() if patient else "",
        mask=(known.folder / PurePosixPath("masks") / part / case.mask).as_posix(),
        prompts=prompts_text(case.prompts),
    )


def _class_of(known: SegmentationSet, case: Case, folder: Path) -> str:
    if not known.class_pattern:
        return next(iter(known.classes))
    names = f"{case.picture}/{case.mask}".casefold().replace(" ", "_")
    found = re.search(known.class_pattern, names)
    if found is None:
        raise DatasetError(
            f"{folder / 'anns'}: the names of picture '{case.picture}' and mask '{case.mask}' do "
            f"not tell the class; expected is one that matches {known.class_pattern}"
        )
    return known.class_names.get(found[1], found[1])


def _require_own_cases(known: SegmentationSet, source: Path, cases: Sequence[Case]) -> None:
    """Check that a set does not come with the annotations of another one.

    Raises:
        DatasetError: CVC-300 has those of CVC-ColonDB, as the authors' main branch does.
    """
    if known.name != _MIXED_UP:
        return
    other = BY_NAME[_MIXED_UP_WITH]
    anns = source / other.folder / "anns"
    same = len(cases) == other.counts["test"]
    if not same and (anns / "test.json").is_file():
        listed = {(case.picture, case.mask) for case in _cases(other, anns.parent, "test")}
        same = {(case.picture, case.mask) for case in cases} == listed
    if same:
        raise DatasetError(
            f"{source / known.folder / 'anns'}: these are the cases of '{other.name}', not those "
            f"of '{known.name}'. The authors' main branch has the same files under both names; "
            "take anns/ of CVC-300, and the names of its pictures, from their branch 'old'."
        )


def _require_files(source: Path, rows: Iterable[Row]) -> None:
    names = dict.fromkeys(name for row in rows for name in (row.path, row.mask))
    missing = [name for name in names if not _is_file(source / name)]
    if missing:
        raise DatasetError(
            f"{source}: {len(missing)} of {len(names)} pictures and masks are missing, first of "
            f"all {', '.join(missing[:_MOST_NAMED])}. Upper and lower case count."
        )


def _require_masks(source: Path, rows: Sequence[Row]) -> None:
    """Look at a few masks: those of 0 and 1 are so throughout. The doctor looks at more."""
    from trainables.data.structure_mask import structure_levels

    for row in rows[:: max(1, len(rows) // _LOOKED_AT)]:
        structure_levels(source / row.mask)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        # Such as a name that is too long for any file.
        return False


def _case_name(row: Row) -> str:
    """Return the name of a case: its mask's, below the folder of masks, without suffix."""
    return PurePosixPath(row.mask.split("/masks/", maxsplit=1)[1]).with_suffix("").as_posix()


SOURCES: Mapping[str, PreparedSource] = {
    known.name: PreparedSource(scan=partial(scan, known), name=_case_name, examine=examine_cases)
    for known in SEGMENTATION_SETS
}
