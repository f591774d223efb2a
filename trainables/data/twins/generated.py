"""Data sets that are drawn by the program, kept in the store chunk by chunk."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainables.config import digest
from trainables.data.card import DataCard, DataStatus, Split
from trainables.data.prompts import Prompts

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from trainables.context import Locations
    from trainables.data.image_set import ImageSet

_PIXELS = "pixels.npy"
_MASKS = "masks.npy"
_TABLE = "table.parquet"

Table = Mapping[str, "npt.NDArray[Any]"]
"""Column name -> one value per picture; 'label', or for a multi-label set a column of 0 and 1 for
every class by its name, is always there, the rest is ground truth. A column 'mask' (n, h, w) of 0
and 255 is kept apart, and is no column of what :func:`read_table` returns."""

Generate = Callable[[Any, str, Split], "tuple[npt.NDArray[np.uint8], Table]"]
"""(parameters, domain, split) -> pixels (n, channels of the card, h, w) and their table."""


@dataclass(frozen=True, kw_only=True)
class GeneratedSource:
    """A family of generated sets.

    Args:
        family: name of the generator; seeds are derived from it.
        version: raised when the same parameters give other pixels.
        parameters: per card name, a frozen dataclass with everything the pixels depend on.
        module: module in ``trainables/data`` with ``generate``, or a user's by its full name;
            imported when pixels are needed.
        captions: ground truth -> texts that describe each picture; None when there are none.
        prompts: ground truth -> what each segmentation is asked for with; None when there are none.
        picture: column of the ground truth that numbers the pictures of a domain, where several
            rows show one; empty: each row shows its own.
    """

    family: str
    version: int
    parameters: Mapping[str, Any]
    module: str
    captions: Callable[[Table], list[tuple[str, ...]]] | None = None
    prompts: Callable[[Table], list[Prompts]] | None = None
    picture: str = ""

    def key(self, card: DataCard) -> dict[str, Any]:
        """Return what the pixels of a card depend on."""
        return {
            "generator": self.family,
            "version": self.version,
            "parameters": self.parameters[card.name],
        }

    def status(self, card: DataCard, locations: Locations) -> DataStatus:
        """Tell the digest, which needs no pixels; generated sets are always present."""
        del locations
        return DataStatus(card=card, digest=digest(self.key(card)), present=True)

    def load(
        self, card: DataCard, split: Split, domains: tuple[str, ...], locations: Locations
    ) -> ImageSet:
        """Open the chunks of some domains, drawing those that are not in the store."""
        import numpy as np

        from trainables.data.image_set import Annotations, ImageSet
        from trainables.data.pixels import ArrayMasks, ArrayPixels

        folders = {d: self.chunk(card, split, d, locations) for d in domains}
        tables = [read_table(folder) for folder in folders.values()]
        chunks = [np.load(f / _PIXELS, mmap_mode="r") for f in folders.values()]
        masks = [np.load(f / _MASKS, mmap_mode="r") for f in folders.values() if _has_masks(f)]
        counts = [len(chunk) for chunk in chunks]
        names = [f"{d}-{i:05d}" for d, n in zip(domains, counts, strict=True) for i in range(n)]
        annotations = Annotations(
            labels=np.concatenate([_labels(card, table) for table in tables]),
            domain_of=np.repeat(np.array(domains), counts),
            ids=np.array(names),
            captions=[text for t in tables for text in self.captions(t)] if self.captions else (),
            masks=ArrayMasks(masks) if masks else None,
            prompts=[asked for t in tables for asked in self.prompts(t)] if self.prompts else (),
            pictures=self._pictures(domains, tables) if self.picture else (),
        )
        return ImageSet.of(card, split, digest(self.key(card)), ArrayPixels(chunks), annotations)

    def _pictures(self, domains: Sequence[str], tables: Sequence[Table]) -> list[str]:
        numbered = zip(domains, (table[self.picture].tolist() for table in tables), strict=True)
        return [f"{domain}-{number}" for domain, numbers in numbered for number in numbers]

    def chunk(self, card: DataCard, split: Split, domain: str, locations: Locations) -> Path:
        """Return the store folder with pixels and ground truth of one domain of one split."""
        from trainables.data.artifact_store import ArtifactStore

        parameters = self.parameters[card.name]
        generate: Generate = importlib.import_module(card.full_name(self.module)).generate

        def build(folder: Path) -> None:
            import numpy as np

            pixels_nchw, drawn = generate(parameters, domain, split)
            table = dict(drawn)
            masks_nhw = table.pop("mask", None)
            np.save(folder / _PIXELS, pixels_nchw, allow_pickle=False)
            if masks_nhw is not None:
                np.save(folder / _MASKS, masks_nhw, allow_pickle=False)
            _write_table(folder, table)

        key = {**self.key(card), "domain": domain, "split": split}
        return ArtifactStore(locations.store).get_or_build("pixels", key, build)


def read_table(folder: Path) -> dict[str, npt.NDArray[Any]]:
    """Return the ground truth of a chunk, column by column."""
    import pyarrow.parquet as pq

    table = pq.read_table(folder / _TABLE)
    return {name: table.column(name).to_numpy() for name in table.column_names}


def _has_masks(folder: Path) -> bool:
    return (folder / _MASKS).is_file()


def _labels(card: DataCard, table: Table) -> npt.NDArray[Any]:
    import numpy as np

    if card.task == "multiclass":
        return table["label"].astype(np.int64)
    return np.stack([table[name] for name in card.classes], axis=1).astype(np.float32)


def _write_table(folder: Path, table: dict[str, npt.NDArray[Any]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table(table), folder / _TABLE)
