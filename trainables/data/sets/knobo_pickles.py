"""Turn the split files that KnoBo released, which are pickles, into split files that are safe.

Nothing is unpickled: see :mod:`trainables.data.sets.opcode_pickle`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from trainables.data.card import SPLITS, Split
from trainables.data.sets.opcode_pickle import read_plain_pickle
from trainables.data.split_files import (
    NAMES,
    SplitFile,
    as_by_class,
    checked,
    read_split_file,
    split_digest,
    write_split_file,
)
from trainables.errors import DatasetError, StorageError

# A set's own folder, the folder of all sets, the authors' repository.
_PLACES = ("splits", "*/splits", "data/datasets/*/splits")
_FIRST = "class2images_train.p"


@dataclass(frozen=True, kw_only=True, slots=True)
class ConvertedSplits:
    """The three released files of a data set, as one.

    Args:
        path: where it is written.
        digests: of every split, by :func:`trainables.data.split_files.split_digest`.
        known: whether a digest is on record for this set; then they are equal.
    """

    splits: SplitFile
    path: Path
    digests: Mapping[Split, str]
    known: bool

    @property
    def root(self) -> Path:
        """The folder that paths of pictures are relative to."""
        return self.path.parent.parent


def convert_splits(
    folder: Path, released: Mapping[str, tuple[str, str, str]]
) -> list[ConvertedSplits]:
    """Convert every set in a folder, writing ``splits.json`` into the folder of each.

    All are read and checked before the first is written.

    Args:
        folder: of one set, of all sets, or the authors' repository.
        released: name of a set -> digests that its splits must have.

    Raises:
        DatasetError: there is no set, a pickle holds more than classes and paths, splits do not
            fit together, are not the released ones, or others are there already.
        StorageError: a folder cannot be written.
    """
    converted = [_convert(place, released) for place in _folders(folder.resolve())]
    for one in converted:
        if one.path.exists() and read_split_file(one.path) != one.splits:
            raise DatasetError(f"{one.path} is there already and lists others: move it elsewhere")
    for one in converted:
        try:
            write_split_file(one.path, one.splits)
        except OSError as error:
            raise StorageError(f"{one.path} cannot be written: {error.strerror}") from error
    return converted


def _folders(folder: Path) -> Iterator[Path]:
    """Yield the folder of each set, by name."""
    found = [file for place in _PLACES for file in sorted(folder.glob(f"{place}/{_FIRST}"))]
    if not found:
        raise DatasetError(
            f"{folder}: there is no <set>/splits/{_FIRST}. Name the folder of a set, the one with "
            "all of them, or a copy of the KnoBo repository."
        )
    yield from (file.parent.parent for file in found)


def _convert(folder: Path, released: Mapping[str, tuple[str, str, str]]) -> ConvertedSplits:
    dataset = folder.name
    found = {split: _read(folder / "splits" / f"class2images_{split}.p") for split in SPLITS}
    splits = checked(dataset, found, folder / "splits")
    digests = {split: split_digest(splits.splits[split]) for split in SPLITS}
    known = released.get(dataset)
    for split, expected in zip(SPLITS, known or (), strict=False):
        if digests[split] != expected:
            raise DatasetError(
                f"{folder / 'splits' / f'class2images_{split}.p'}: its content has digest "
                f"{digests[split]}, the released file {expected}. Get it from the repository "
                "again; a split of your own goes into a folder of another name."
            )
    path = folder / NAMES[0]
    return ConvertedSplits(splits=splits, path=path, digests=digests, known=known is not None)


def _read(path: Path) -> dict[str, list[str]]:
    return as_by_class(read_plain_pickle(path), str(path))
