"""Opens a prepared set through copies of its pictures with a small short side."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trainables.config import digest
from trainables.data.card import DataCard, DataStatus, Split
from trainables.data.copies import copies_key, find_copies
from trainables.data.prepared import PreparedSource

if TYPE_CHECKING:
    from trainables.context import Locations
    from trainables.data.image_set import ImageSet


@dataclass(frozen=True)
class CopiedSource:
    """A set whose pictures are smaller than those of another one.

    Args:
        base: card of the other one, which is a prepared set.
        source: opens it.
    """

    base: DataCard
    source: PreparedSource
    short_side_px: int

    def status(self, card: DataCard, locations: Locations) -> DataStatus:
        """Tell the digest, which is of that set and the size; copies must have been made."""
        found = self.source.status(self.base, locations)
        if not found.present:
            return dataclasses.replace(found, card=card)
        if find_copies(locations.store, found.digest, self.short_side_px) is None:
            return DataStatus(
                card=card,
                digest="",
                present=False,
                reason=f"there are no copies of '{self.base.name}' with a short side of "
                f"{self.short_side_px} px in {locations.store}. Run 'xenograft prepare "
                f"{self.base.name} --size {self.short_side_px}'.",
            )
        key = copies_key(found.digest, self.short_side_px)
        return dataclasses.replace(found, card=card, digest=digest(key))

    def load(
        self, card: DataCard, split: Split, domains: tuple[str, ...], locations: Locations
    ) -> ImageSet:
        """Open the copies of some domains of a split, in the order of the set itself."""
        images = self.source.load_copies(self.base, split, domains, locations, self.short_side_px)
        return dataclasses.replace(images, name=card.name)
