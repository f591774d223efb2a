"""PatchCamelyon in the exported layout of feature-reuse: PNG files and JSON lists of labels."""

from __future__ import annotations

import json
from pathlib import Path

from trainables.data.card import Split
from trainables.data.manifest import Row
from trainables.data.prepared import PreparedSource
from trainables.data.source_files import require_every_class
from trainables.errors import DatasetError

_PARTS: dict[str, Split] = {"train": "train", "valid": "val", "test": "test"}


def scan(source: Path) -> list[Row]:
    """Read ``{train,valid,test}_labels.json`` and find ``{train,...}_png_files/img_<i>.png``.

    Raises:
        DatasetError: only the HDF5 files are there, a list is missing or holds something else than
            0 and 1, pictures and labels differ in number, a picture is missing, a class has no
            training picture.
    """
    rows = [row for part, split in _PARTS.items() for row in _part(source, part, split)]
    require_every_class(rows, ("Normal", "Tumor"), source / "train_labels.json")
    return rows


SOURCE = PreparedSource(scan=scan)


def _part(source: Path, part: str, split: Split) -> list[Row]:
    file, folder = source / f"{part}_labels.json", f"{part}_png_files"
    labels = _labels(file, source, part)
    listed = {path.name for path in (source / folder).glob("img_*.png")}
    rows = []
    for number, label in enumerate(labels):
        name = f"img_{number}.png"
        # Not isinstance(label, int): true and false are no labels.
        if type(label) is not int or label not in (0, 1):
            raise DatasetError(f"{file}, entry {number}: {label!r} is not 0 or 1")
        if name not in listed:
            raise DatasetError(f"{file}, entry {number}: there is no picture {folder}/{name}")
        rows.append(Row(path=f"{folder}/{name}", split=split, domain="camelyon", label=label))
    if len(listed) != len(labels):
        raise DatasetError(
            f"{file} has {len(labels)} labels, {source / folder} {len(listed)} pictures"
        )
    return rows


def _labels(file: Path, source: Path, part: str) -> list[object]:
    try:
        labels = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        pixels, classes = (f"camelyonpatch_level_2_split_{part}_{k}.h5" for k in ("x", "y"))
        if not (source / pixels).is_file():
            raise DatasetError(f"{file} is missing") from None
        raise DatasetError(
            f"{source / pixels} is there, {file.name} is not. Export it once with h5py, which "
            f"Xenograft does without: write picture i of key 'x' as {part}_png_files/img_<i>.png "
            f"and key 'y' of {classes}, flattened, as the JSON list {file.name}."
        ) from None
    except (OSError, ValueError) as error:
        raise DatasetError(f"{file}: cannot be read as JSON ({error})") from error
    if not isinstance(labels, list):
        raise DatasetError(f"{file}: is not a list of 0 and 1")
    return labels
