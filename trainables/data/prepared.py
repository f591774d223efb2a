"""Real data sets the user brings: prepared once, then opened from their manifest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING

from trainables.data.card import DataCard, DataStatus, Split
from trainables.data.copies import find_copies
from trainables.data.manifest import (
    MANIFEST,
    PreparedData,
    Row,
    in_content_order,
    read_manifest,
    read_prepared,
)
from trainables.data.problem import Problem
from trainables.data.prompts import prompts_of_text
from trainables.errors import DatasetError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from trainables.context import Locations
    from trainables.data.image_set import ImageSet, Pixels


@dataclass(frozen=True)
class PreparedSource:
    """A set read through its manifest.

    Args:
        scan: reads the original layout: source folder -> one row per picture, without hashes.
        select: hashed rows -> those that belong to the set; all when None.
        arrange: rows of the manifest -> the set's digest, and the rows in the order in which
            pictures are handed out.
        mend: whether JPEG files that break off are pictures too, see
            :func:`trainables.data.pixels.read_image`.
        name: what a picture or case is called among those of its split.
        examine: what the doctor should say about the rows of this set besides the usual.
    """

    scan: Callable[[Path], list[Row]]
    select: Callable[[Sequence[Row]], list[Row]] | None = None
    arrange: Callable[[Iterable[Row]], tuple[str, list[Row]]] = in_content_order
    mend: bool = False
    name: Callable[[Row], str] = attrgetter("path")
    examine: Callable[[Sequence[Row]], Iterable[Problem]] | None = None

    def status(self, card: DataCard, locations: Locations) -> DataStatus:
        """Tell digest and presence from what ``prepare`` left; no picture is opened."""
        folder = locations.data / card.name
        command = f"xenograft prepare {card.name} --source DIR"
        try:
            prepared = read_prepared(folder)
        except DatasetError as error:
            return _absent(card, str(error))
        if prepared is None or not (folder / MANIFEST).is_file():
            return _absent(
                card,
                f"data set '{card.name}' is not prepared in {locations.data}. Get "
                f"{card.how_to_get} ({card.homepage}; {card.licence}), then run '{command}'.",
            )
        if not prepared.source.is_dir():
            return _absent(
                card,
                f"the pictures of '{card.name}' are no longer in {prepared.source}. "
                f"Run '{command}' with the folder they are in now.",
            )
        return DataStatus(
            card=card,
            digest=prepared.digest,
            present=True,
            absent_domains=prepared.absent_domains,
        )

    def load(
        self, card: DataCard, split: Split, domains: tuple[str, ...], locations: Locations
    ) -> ImageSet:
        """Open the files that the manifest lists for a split, or exact copies of them."""
        return self.load_copies(card, split, domains, locations, None)

    def load_copies(
        self,
        card: DataCard,
        split: Split,
        domains: tuple[str, ...],
        locations: Locations,
        short_side_px: int | None,
    ) -> ImageSet:
        """Open a split through the copies of one size; None takes exact ones or the files."""
        import numpy as np

        from trainables.data.image_set import Annotations, ImageSet
        from trainables.data.pixels import FileMasks, read_mask
        from trainables.data.structure_mask import read_structure

        prepared, every = self.rows(card, locations)
        rows = [row for row in every if row.split == split and row.domain in domains]
        read = read_structure if card.prompt_types else read_mask
        masks = [prepared.source / row.mask if row.mask else None for row in rows]
        annotations = Annotations(
            labels=_labels(card, rows),
            domain_of=np.array([row.domain for row in rows], dtype=np.str_),
            ids=np.array(_names(map(self.name, rows)), dtype=np.str_),
            captions=[row.captions for row in rows],
            masks=FileMasks(masks, read) if any(masks) else None,
            prompts=[prompts_of_text(row.prompts) for row in rows] if card.prompt_types else (),
            pictures=[row.path for row in rows] if card.prompt_types else (),
        )
        pixels = self._pixels(card, prepared, rows, locations, short_side_px)
        return ImageSet.of(card, split, prepared.digest, pixels, annotations)

    def rows(self, card: DataCard, locations: Locations) -> tuple[PreparedData, list[Row]]:
        """Return what was prepared, and its rows in the order pictures are handed out.

        Raises:
            DatasetError: nothing was, or the manifest is not as it was written.
        """
        folder = locations.data / card.name
        prepared = read_prepared(folder)
        if prepared is None:
            raise DatasetError(self.status(card, locations).reason)
        digest, rows = self.arrange(read_manifest(folder / MANIFEST))
        if digest != prepared.digest:
            raise DatasetError(
                f"{folder / MANIFEST} was altered since it was prepared. "
                f"Run 'xenograft prepare {card.name} --source {prepared.source}' again."
            )
        return prepared, rows

    def _pixels(
        self,
        card: DataCard,
        prepared: PreparedData,
        rows: Sequence[Row],
        locations: Locations,
        short_side_px: int | None,
    ) -> Pixels:
        from trainables.data.copied_pixels import CopiedPixels
        from trainables.data.pixels import FilePixels

        copies = find_copies(locations.store, prepared.digest, short_side_px)
        if copies is not None:
            return CopiedPixels.open(copies, [row.sha256 for row in rows], card.channels)
        if short_side_px is not None:
            raise DatasetError(
                f"there are no copies of '{card.name}' with a short side of {short_side_px} px. "
                f"Run 'xenograft prepare {card.name} --size {short_side_px}'."
            )
        paths = [prepared.source / row.path for row in rows]
        return FilePixels(paths, card.channels, self.mend)


def _names(given: Iterable[str]) -> list[str]:
    """Return the names, each numbered from the second time on that it is given."""
    seen = Counter[str]()
    names = []
    for name in given:
        seen[name] += 1
        names.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return names


def _absent(card: DataCard, reason: str) -> DataStatus:
    return DataStatus(card=card, digest="", present=False, reason=reason)


def _labels(card: DataCard, rows: list[Row]) -> npt.NDArray[np.int64] | npt.NDArray[np.float32]:
    import numpy as np

    if card.task == "multiclass":
        return np.array([row.label for row in rows], dtype=np.int64)
    # Not -1 for the rows: a card without labels has no columns to tell their number by.
    shape = (len(rows), len(card.classes))
    return np.array([row.labels for row in rows], dtype=np.float32).reshape(shape)
