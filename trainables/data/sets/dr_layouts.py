"""How pictures and grades of the four retinopathy sets lie in a folder.

A reader gets the source folder and the set's own folder in it, and returns every picture (relative
to the source) with its grade.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from trainables.data.picture_kinds import PICTURES
from trainables.data.sets.dr_grades import GRADES
from trainables.data.source_files import at_line, find_picture, read_csv
from trainables.errors import DatasetError

Graded = tuple[PurePosixPath, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """A set as its publisher lays it out.

    Args:
        read: lists its pictures.
        grades: how many there are, from 0.
    """

    read: Callable[[Path, PurePosixPath], list[Graded]]
    grades: int = 5


def sub_folders(folder: Path) -> list[str]:
    """Return the names of the folders in a folder, in order; hidden ones are passed over."""
    return sorted(p.name for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))


def is_sorted_by_grade(folder: Path) -> bool:
    """Tell whether a set lies in folders named by grade."""
    return any(name in _numbers(len(GRADES)) for name in sub_folders(folder))


def read_grade_folders(source: Path, folder: PurePosixPath, grades: int) -> list[Graded]:
    """List ``<grade>/<picture>``.

    Raises:
        DatasetError: there is a folder or a file that does not belong there.
    """
    known = _numbers(grades)
    for name in sub_folders(source / folder):
        if name not in known:
            raise DatasetError(
                f"{source / folder / name} is not one of the grades 0 to {grades - 1} of this set"
            )
    return [
        (picture, int(name))
        for name in known
        if (source / folder / name).is_dir()
        for picture in _pictures(source, folder / name)
    ]


def _numbers(grades: int) -> tuple[str, ...]:
    return tuple(map(str, range(grades)))


def _pictures(source: Path, folder: PurePosixPath) -> Iterator[PurePosixPath]:
    for path in (source / folder).iterdir():
        if path.name.startswith("."):
            continue
        if path.suffix.lower() not in PICTURES or path.is_dir():
            raise DatasetError(
                f"{path} is no picture ({', '.join(sorted(PICTURES))}): move it elsewhere"
            )
        yield folder / path.name


def _read_aptos(source: Path, folder: PurePosixPath) -> list[Graded]:
    table, columns = folder / "train.csv", ("id_code", "diagnosis")
    return _once(_listed(source, table, columns, "train_images/{}.png"), source / table)


def _read_eyepacs(source: Path, folder: PurePosixPath) -> list[Graded]:
    train, test = folder / "trainLabels.csv", folder / "retinopathy_solution.csv"
    columns = ("image", "level")
    if (source / train).is_file() and not (source / test).is_file():
        raise DatasetError(
            f"{source / test} is missing: the training part (35,126 pictures) alone is not the "
            "domain, which has the test part too (88,702 together)"
        )
    graded = [
        *_listed(source, train, columns, "train/{}.jpeg"),
        *_listed(source, test, columns, "test/{}.jpeg"),
    ]
    return _once(graded, source / folder)


def _read_messidor(source: Path, folder: PurePosixPath) -> list[Graded]:
    tables = sorted((source / folder).glob("Annotation*.csv"))
    sheets = sorted((source / folder).glob("Annotation*.xls*"))
    missing = [sheet for sheet in sheets if not sheet.with_suffix(".csv").is_file()]
    if missing or not tables:
        sheet = missing[0] if missing else source / folder / "Annotation_Base11.xls"
        raise DatasetError(
            f"{sheet.with_suffix('.csv')} is missing. Open {sheet.name} (one of twelve) in a "
            "spreadsheet program and save it as comma-separated values under that name, with the "
            "columns 'Image name' and 'Retinopathy grade'."
        )
    pictures = _by_stem(source, folder)
    graded: list[Graded] = []
    for table in tables:
        found, records = read_csv(table, ())
        name, grade = (_column(found, c, table) for c in ("Image name", "Retinopathy grade"))
        for number, record in enumerate(records):
            where = at_line(table, number)
            # This set has no grade 4.
            graded.append(
                (_picture(pictures, record[name], where), _grade(record[grade], where, 4))
            )
    return _once(graded, source / folder)


def _read_messidor_2(source: Path, folder: PurePosixPath) -> list[Graded]:
    table = source / folder / "messidor_data.csv"
    name, grade, gradable = "image_id", "adjudicated_dr_grade", "adjudicated_gradable"
    _, records = read_csv(table, (name, grade, gradable))
    pictures = _by_stem(source, folder)
    graded: list[Graded] = []
    for number, record in enumerate(records):
        where = at_line(table, number)
        if record[gradable] not in ("0", "1"):
            raise DatasetError(f"{where}: {gradable} is {record[gradable]!r}, not 0 or 1")
        if record[gradable] == "1":
            picture = _picture(pictures, record[name], where)
            graded.append((picture, _grade(record[grade], where, len(GRADES))))
    return _once(graded, table)


def _listed(
    source: Path, table: PurePosixPath, columns: tuple[str, str], pattern: str
) -> Iterator[Graded]:
    """Read a table of names and grades whose pictures have a fixed place beside it."""
    name, grade = columns
    _, records = read_csv(source / table, columns)
    for number, record in enumerate(records):
        where = at_line(source / table, number)
        relative = (table.parent / pattern.format(record[name])).as_posix()
        picture = PurePosixPath(find_picture(source, relative, where))
        yield picture, _grade(record[grade], where, len(GRADES))


def _once(graded: Iterable[Graded], where: Path) -> list[Graded]:
    found: dict[str, Graded] = {}
    for picture, grade in graded:
        if picture.name in found:
            raise DatasetError(f"{where}: '{picture.name}' is listed twice")
        found[picture.name] = picture, grade
    return list(found.values())


def _grade(value: str, where: str, grades: int) -> int:
    # A column with gaps is often saved with a decimal point.
    number = value.strip().removesuffix(".0")
    if number not in _numbers(grades):
        raise DatasetError(f"{where}: grade {value!r} is not one of 0 to {grades - 1}")
    return int(number)


def _column(found: list[str], wanted: str, table: Path) -> str:
    for column in found:
        if column.strip().casefold() == wanted.casefold():
            return column
    raise DatasetError(f"{table}: there is no column '{wanted}' (found: {', '.join(found)})")


def _by_stem(source: Path, folder: PurePosixPath) -> dict[str, list[PurePosixPath]]:
    """Return pictures in a folder and its sub-folders by name, without suffix and letter case."""
    pictures: dict[str, list[PurePosixPath]] = {}
    for part in (folder, *(folder / name for name in sub_folders(source / folder))):
        for path in (source / part).iterdir():
            if path.suffix.lower() in PICTURES and not path.name.startswith("."):
                pictures.setdefault(path.stem.casefold(), []).append(part / path.name)
    return pictures


def _picture(pictures: dict[str, list[PurePosixPath]], name: str, where: str) -> PurePosixPath:
    # The suffix in the table and that of the file differ for part of Messidor-2.
    found = pictures.get(PurePosixPath(name).stem.casefold(), [])
    if len(found) != 1:
        what = f"{found[0]} and {found[1]} are both" if found else "there is no"
        raise DatasetError(f"{where}: {what} picture '{name}'")
    return found[0]


LAYOUTS: Mapping[str, Layout] = {
    "aptos": Layout(read=_read_aptos),
    "eyepacs": Layout(read=_read_eyepacs),
    "messidor": Layout(read=_read_messidor, grades=4),
    "messidor_2": Layout(read=_read_messidor_2),
}
"""By domain, in the order of the domains."""
