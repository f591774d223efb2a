"""DDSM as prepared for DeepMiner: three lists of files whose names begin with the label."""

from __future__ import annotations

import re
from pathlib import Path

from trainables.data.card import Split
from trainables.data.manifest import Row
from trainables.data.prepared import PreparedSource
from trainables.data.source_files import find_picture, require_every_class
from trainables.errors import DatasetError

_LISTS = "ddsm_raw_image_lists"
_PICTURES = "ddsm_raw"
_SPLITS: tuple[Split, ...] = ("train", "val", "test")
# The label is that of the case: the healthy breast of a cancer case is abnormal too.
_LABELS = {"normal": 0, "benign": 1, "cancer": 1}
_CASE = re.compile(r"-([A-Z]_\d+)_\d+\.")


def scan(source: Path) -> list[Row]:
    """Read ``ddsm_raw_image_lists/{train,val,test}.txt`` and find the files in ``ddsm_raw``.

    Raises:
        DatasetError: a list is missing or lists a file twice, a line is empty or begins with no
            known label, a picture is missing, a class has no training picture.
    """
    rows, seen = [], dict[str, str]()
    for split in _SPLITS:
        file = source / _LISTS / f"{split}.txt"
        for number, line in enumerate(_lines(file), start=1):
            where = f"{file}, line {number}"
            if line in seen:
                raise DatasetError(f"{where}: '{line}' is listed already in {seen[line]}")
            seen[line] = where
            rows.append(_row(source, line, split, where))
    require_every_class(rows, ("Normal", "Abnormal"), source / _LISTS / "train.txt")
    return rows


SOURCE = PreparedSource(scan=scan)


def _lines(file: Path) -> list[str]:
    try:
        return [line.strip() for line in file.read_text(encoding="utf-8").splitlines()]
    except FileNotFoundError:
        raise DatasetError(
            f"{file} is missing; it comes with the DeepMiner preparation of DDSM"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{file}: cannot be read as a list ({error})") from error


def _row(source: Path, line: str, split: Split, where: str) -> Row:
    name = line.rpartition("/")[2]
    label = name.partition("_")[0]
    if label not in _LABELS:
        raise DatasetError(
            f"{where}: '{line}' does not begin with one of {', '.join(f'{k}_' for k in _LABELS)}"
        )
    case = _CASE.search(name)
    return Row(
        path=find_picture(source, f"{_PICTURES}/{line}", where),
        split=split,
        domain="ddsm",
        label=_LABELS[label],
        group=case[1] if case else "",
    )
