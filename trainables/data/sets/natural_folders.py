"""Imagenette, Food-101 and Flowers-102 from the folders they are published as.

The official test part is the test split. Of each class of Imagenette and Food-101 a tenth of the
training part is for validation, drawn with seed 42; Flowers-102 has a validation part of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from trainables.data.card import Split
from trainables.data.manifest import Row
from trainables.data.picture_kinds import PICTURES
from trainables.data.prepared import PreparedSource
from trainables.data.sets.natural_classes import FLOWERS, FOODS, IMAGENETTE
from trainables.data.source_files import find_picture, require_every_class
from trainables.data.splits import held_out_tenth
from trainables.errors import DatasetError

_FLOWER_SPLITS: Mapping[str, Split] = {"trnid": "train", "valid": "val", "tstid": "test"}


def _imagenette(source: Path) -> list[Row]:
    """List ``train/<synset>`` and ``val/<synset>``; the second is tested on."""
    train = [(path, label) for path, label in _synsets(source, "train")]
    tested = [(path, label) for path, label in _synsets(source, "val")]
    return _rows(source, train, tested, "imagenette", tuple(IMAGENETTE.values()))


def _synsets(source: Path, part: str) -> Iterable[tuple[str, int]]:
    for label, synset in enumerate(IMAGENETTE):
        folder = source / part / synset
        if not folder.is_dir():
            raise DatasetError(f"{folder} is missing: unpack Imagenette there")
        for path in sorted(folder.iterdir()):
            if path.suffix.lower() in PICTURES:
                yield path.relative_to(source).as_posix(), label


def _food(source: Path) -> list[Row]:
    """Read ``meta/train.txt`` and ``meta/test.txt``: a line is a class, a slash, a number."""
    train, tested = (_listed_foods(source, part) for part in ("train", "test"))
    return _rows(source, train, tested, "food101", FOODS)


def _listed_foods(source: Path, part: str) -> list[tuple[str, int]]:
    table = source / "meta" / f"{part}.txt"
    try:
        lines = table.read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{table}: cannot be read ({error})") from None
    found = []
    for number, line in enumerate(lines, start=1):
        name = line.partition("/")[0]
        if name not in FOODS:
            raise DatasetError(f"{table}, line {number}: '{line}' is of no class of Food-101")
        path = find_picture(source, f"images/{line}.jpg", f"{table}, line {number}")
        found.append((path, FOODS.index(name)))
    return found


def _rows(
    source: Path,
    train: Sequence[tuple[str, int]],
    tested: Sequence[tuple[str, int]],
    domain: str,
    classes: tuple[str, ...],
) -> list[Row]:
    """Hold out a tenth of the training part."""
    held_out = held_out_tenth([label for _, label in train])
    rows = [
        Row(path=path, split="val" if n in held_out else "train", domain=domain, label=label)
        for n, (path, label) in enumerate(train)
    ]
    rows += [Row(path=path, split="test", domain=domain, label=label) for path, label in tested]
    require_every_class(rows, classes, source)
    return rows


def _flowers(source: Path) -> list[Row]:
    """Read ``imagelabels.mat`` and ``setid.mat``; pictures are ``jpg/image_<5 digits>.jpg``."""
    labels, parts = source / "imagelabels.mat", source / "setid.mat"
    label_n = _numbers(labels, "labels")
    rows = []
    for key, split in _FLOWER_SPLITS.items():
        for number in sorted(_numbers(parts, key)):
            if not 1 <= number <= len(label_n):
                raise DatasetError(f"{parts}: '{key}' names picture {number} of {len(label_n)}")
            label = label_n[number - 1]
            if not 1 <= label <= len(FLOWERS):
                raise DatasetError(f"{labels}: {label} is no class from 1 to {len(FLOWERS)}")
            path = find_picture(source, f"jpg/image_{number:05d}.jpg", f"{parts}, '{key}'")
            rows.append(Row(path=path, split=split, domain="flowers102", label=label - 1))
    require_every_class(rows, FLOWERS, source)
    return rows


def _numbers(path: Path, name: str) -> list[int]:
    """Return the whole numbers under a name in a MATLAB file of version 5."""
    import zlib

    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    # What the reader raises on damage depends on the place of it.
    malformed = (MatReadError, ValueError, TypeError, KeyError, IndexError, AttributeError)
    broken = (OSError, EOFError, zlib.error, MemoryError, OverflowError, NotImplementedError)
    try:
        content = loadmat(path, appendmat=False, variable_names=[name])
        values = content[name].ravel().tolist()
        return [int(value) for value in values]
    except (*malformed, *broken) as error:
        raise DatasetError(
            f"{path}: cannot be read as a MATLAB file with '{name}' ({error!r})"
        ) from None


SOURCES: Mapping[str, PreparedSource] = {
    "imagenette": PreparedSource(scan=_imagenette),
    "food101": PreparedSource(scan=_food),
    "flowers102": PreparedSource(scan=_flowers),
}
