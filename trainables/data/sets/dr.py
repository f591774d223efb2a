"""Four sets of retinopathy photographs as the domains of one, read from folders by domain.

Order and counts are those of CLIP-DRDG (a fork of DomainBed): domain by domain, grade by grade, by
name of the file. Seeded parts of a domain depend on it, so it is part of the set's digest.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from trainables.data.manifest import Row, in_listed_order
from trainables.data.prepared import PreparedSource
from trainables.data.sets.dr_grades import GRADES
from trainables.data.sets.dr_layouts import (
    LAYOUTS,
    Graded,
    is_sorted_by_grade,
    read_grade_folders,
    sub_folders,
)
from trainables.data.sets.dr_overlap import shared_examinations
from trainables.data.source_files import require_every_class
from trainables.errors import DatasetError

DOMAINS = tuple(LAYOUTS)


def scan(source: Path) -> list[Row]:
    """Read every domain that has a folder in ``source``, or in ``source/DR`` as DomainBed has it.

    A domain's folder, in any usual spelling (``messidor_2``, ``Messidor2``), holds pictures in
    folders by grade or the set as its publisher lays it out.

    Raises:
        DatasetError: there is no such folder or one too many, a folder is of neither layout, a
            table is missing or wrong, a picture is missing, a grade has none.
    """
    folder = PurePosixPath("DR" if (source / "DR").is_dir() else "")
    found = _domain_folders(source, folder)
    return [
        row for domain in DOMAINS if domain in found for row in _rows(source, found[domain], domain)
    ]


SOURCE = PreparedSource(scan=scan, arrange=in_listed_order, mend=True, examine=shared_examinations)


def _domain_folders(source: Path, folder: PurePosixPath) -> dict[str, PurePosixPath]:
    by_key = {_key(domain): domain for domain in DOMAINS}
    found: dict[str, PurePosixPath] = {}
    for name in sub_folders(source / folder):
        domain = by_key.get(_key(name))
        if domain is None:
            raise DatasetError(
                f"{source / folder / name} is none of the domains {', '.join(DOMAINS)}: "
                "move it elsewhere, or give it the name of one"
            )
        if domain in found:
            raise DatasetError(
                f"{source / folder}: {found[domain].name} and {name} are both '{domain}'; keep one"
            )
        found[domain] = folder / name
    if not found:
        raise DatasetError(
            f"{source / folder} has no folder of a domain. Put each set in a folder of its own "
            f"name there: {', '.join(DOMAINS)}."
        )
    return found


def _key(name: str) -> str:
    return name.casefold().replace("_", "").replace("-", "")


def _rows(source: Path, folder: PurePosixPath, domain: str) -> list[Row]:
    layout = LAYOUTS[domain]
    if is_sorted_by_grade(source / folder):
        graded = read_grade_folders(source, folder, layout.grades)
    else:
        graded = layout.read(source, folder)
    rows = [
        Row(path=picture.as_posix(), split="train", domain=domain, label=grade)
        for picture, grade in sorted(graded, key=_in_folder_order)
    ]
    require_every_class(rows, GRADES[: layout.grades], source / folder)
    return rows


def _in_folder_order(graded: Graded) -> tuple[int, str]:
    picture, grade = graded
    return grade, picture.name
