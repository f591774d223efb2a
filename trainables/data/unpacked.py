"""Sets that are published as a few files of all pictures: each split is unpacked into the store.

Axes: n pictures, c channels, h rows, w columns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from trainables.config import digest
from trainables.data.card import DataCard, DataStatus, Split
from trainables.data.content_hash import content_sha256
from trainables.errors import DatasetError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from trainables.context import Locations
    from trainables.data.image_set import ImageSet

Find = Callable[[], Mapping[str, Path]]
"""Returns the files by name; raises DatasetError where they are not all here."""

_VERSION = 1
"""Raised when the same files would give other pictures or splits."""


class Unpacked(NamedTuple):
    """The pictures of a split, uint8, their labels, and their rows in the part they come from."""

    pixels_nchw: npt.NDArray[np.uint8]
    label_n: npt.NDArray[np.int64]
    row_n: npt.NDArray[np.int64]


def packed_status(card: DataCard, find: Find, locations: Locations) -> DataStatus:
    """Tell the digest of the files' contents, or where to put them."""
    try:
        content = {name: content_sha256(path, locations.store) for name, path in find().items()}
    except DatasetError as error:
        return DataStatus(card=card, digest="", present=False, reason=str(error))
    found = digest({"files": content, "version": _VERSION})
    return DataStatus(card=card, digest=found, present=True)


def open_packed(
    card: DataCard,
    split: Split,
    domain: str,
    content: str,
    unpack: Callable[[], Unpacked],
    locations: Locations,
) -> ImageSet:
    """Open a split, unpacked once into the store.

    Args:
        content: digest of the set, by :func:`packed_status`.
        unpack: reads the split; called only where the store lacks it.
    """
    import numpy as np

    from trainables.data.artifact_store import ArtifactStore
    from trainables.data.image_set import Annotations, ImageSet
    from trainables.data.pixels import ArrayPixels

    def build(folder: Path) -> None:
        pixels_nchw, label_n, row_n = unpack()
        np.save(folder / "pixels.npy", pixels_nchw, allow_pickle=False)
        np.save(folder / "labels.npy", label_n, allow_pickle=False)
        np.save(folder / "rows.npy", row_n, allow_pickle=False)

    key = {"data": content, "split": split, "version": _VERSION}
    folder = ArtifactStore(locations.store).get_or_build("pixels", key, build)
    labels = np.load(folder / "labels.npy")
    part = "test" if split == "test" else "train"
    annotations = Annotations(
        labels=labels,
        domain_of=np.full(len(labels), domain),
        ids=np.array([f"{part}-{row:05d}" for row in np.load(folder / "rows.npy")]),
    )
    pixels = ArrayPixels([np.load(folder / "pixels.npy", mmap_mode="r")])
    return ImageSet.of(card, split, content, pixels, annotations)
