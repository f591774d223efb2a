"""Captions sorted into splits, as Arrow files that are mapped into memory, not read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from trainables.config import seed_from
from trainables.data.caption_table import CaptionRow, read_caption_table
from trainables.data.card import SPLITS, Split
from trainables.errors import DatasetError

if TYPE_CHECKING:
    from trainables.data.caption_corpus import Corpus

_SCHEMA = pa.schema({"image": pa.string(), "texts": pa.list_(pa.string())})
_ROWS_AT_ONCE = 1024
_HELD_OUT = 0.01
_SHOWN = 3


def sort_into_splits(table: Path, corpus: Corpus, folder: Path) -> None:
    """Write ``<split>.arrow`` for every split: one row per picture, in the table's order.

    Raises:
        DatasetError: the table cannot be used, a picture is listed twice or missing, or a row has
            none of the texts or no views where they are asked for.
    """
    seen, missing = set[str](), list[str]()
    waiting: dict[Split, list[tuple[str, tuple[str, ...]]]] = {split: [] for split in SPLITS}
    with ExitStack() as stack:
        writers = {
            split: stack.enter_context(pa.ipc.new_file(folder / f"{split}.arrow", _SCHEMA))
            for split in SPLITS
        }
        for row in read_caption_table(table):
            split, captions = _split_of(row), _captions(row, corpus)
            for image in _in_view(row, corpus):
                if image in seen:
                    raise DatasetError(f"{row.where}: '{image}' is listed before")
                seen.add(image)
                if not (table.parent / image).is_file():
                    missing.append(image)
                waiting[split].append((image, captions))
            if len(waiting[split]) >= _ROWS_AT_ONCE:
                _flush(writers[split], waiting[split])
        for split, writer in writers.items():
            _flush(writer, waiting[split])
    if missing:
        raise DatasetError(
            f"{table}: {len(missing)} of {len(seen)} pictures are not in {table.parent} "
            f"(first: {', '.join(missing[:_SHOWN])})"
        )


class MappedTexts(Sequence[tuple[str, ...]]):
    """The texts of every picture of a split, read from the mapped file when asked for."""

    def __init__(self, folder: Path, split: Split) -> None:
        self._table = pa.ipc.open_file(pa.memory_map(str(folder / f"{split}.arrow"))).read_all()

    def __len__(self) -> int:
        rows: int = self._table.num_rows
        return rows

    def __getitem__(self, index: Any) -> Any:
        return tuple(self._table.column("texts")[int(index)].as_py())

    def __iter__(self) -> Iterator[tuple[str, ...]]:
        for batch in self._table.to_batches():
            yield from map(tuple, batch.column("texts").to_pylist())

    def images(self) -> list[str]:
        """Return the path of every picture."""
        images: list[str] = self._table.column("image").to_pylist()
        return images


class MappedPaths(Sequence[Path]):
    """Paths made when asked for: those of many pictures take more memory than their names."""

    def __init__(self, root: Path, names: npt.NDArray[np.str_]) -> None:
        self._root, self._names = root, names

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, index: Any) -> Any:
        return self._root / str(self._names[int(index)])


def _split_of(row: CaptionRow) -> Split:
    if row.split is not None:
        return row.split
    drawn = seed_from("caption_corpus", "held out", row.report_id) / 2**31
    return "val" if drawn < _HELD_OUT else "train"


def _in_view(row: CaptionRow, corpus: Corpus) -> list[str]:
    """Return the pictures of a row that count."""
    if not corpus.views:
        return list(row.images)
    if not row.views:
        raise DatasetError(
            f"{row.where}: there is no view, and only {' and '.join(corpus.views)} count"
        )
    pairs = zip(row.images, row.views, strict=True)
    return [image for image, view in pairs if view in corpus.views]


def _captions(row: CaptionRow, corpus: Corpus) -> tuple[str, ...]:
    captions = row.findings if corpus.texts == "findings" else tuple(filter(None, [row.report]))
    if not captions:
        raise DatasetError(f"{row.where}: there is nothing in '{corpus.texts}'")
    return captions


def _flush(writer: Any, rows: list[tuple[str, tuple[str, ...]]]) -> None:
    if rows:
        images, texts = zip(*rows, strict=True)
        writer.write_batch(pa.record_batch([images, texts], schema=_SCHEMA))
        rows.clear()
