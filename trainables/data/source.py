"""What a data module offers as ``SOURCE``, or by the card's name in ``SOURCES``.

Importing a data module must not import numpy or torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from trainables.data.card import DataCard, DataStatus, Split

if TYPE_CHECKING:
    from trainables.context import Locations
    from trainables.data.image_set import ImageSet


class DataSource(Protocol):
    """Opens the data of the cards that name its module."""

    def status(self, card: DataCard, locations: Locations) -> DataStatus:
        """Tell digest and presence without reading or generating pictures."""
        ...

    def load(
        self, card: DataCard, split: Split, domains: tuple[str, ...], locations: Locations
    ) -> ImageSet:
        """Open the pictures of some domains of a split, in an order that never changes.

        Raises:
            DatasetError: the data is absent or damaged.
            StorageError: the store cannot hold what has to be generated or unpacked.
        """
        ...
