"""Pools: the cases of several sets as one, each set a domain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trainables.config import digest
from trainables.data.card import DataCard, DataStatus, Split
from trainables.data.sets.segmentation_sets import POOLS, REPEATING, deduplicated, pooled_class

if TYPE_CHECKING:
    from trainables.context import Locations
    from trainables.data.image_set import ImageSet


@dataclass(frozen=True)
class PooledSource:
    """A set made of other sets, which are opened from where they are.

    Args:
        members: domain -> card of the set.
    """

    members: Mapping[str, str]

    def status(self, card: DataCard, locations: Locations) -> DataStatus:
        """Tell the digest, which is of the members' digests; all of them must be present."""
        from trainables.data.cards import data_status

        found = [data_status(name, locations) for name in self.members.values()]
        absent = [status.reason for status in found if not status.present]
        if absent:
            return DataStatus(card=card, digest="", present=False, reason="\n".join(absent))
        pool = {status.card.name: status.digest for status in found}
        return DataStatus(card=card, digest=digest({"pool": pool}), present=True)

    def load(
        self, card: DataCard, split: Split, domains: tuple[str, ...], locations: Locations
    ) -> ImageSet:
        """Open the cases of some members, one member after the other."""
        import numpy as np

        from trainables.config import DataRef
        from trainables.data.image_set import Annotations, ImageSet
        from trainables.data.joined_pixels import JoinedMasks, JoinedPixels
        from trainables.data.open import load_split

        parts = {d: load_split(DataRef(name=self.members[d]), split, locations) for d in domains}
        labels = [
            card.classes.index(pooled_class(domain, int(label)))
            for domain, part in parts.items()
            for label in part.labels
        ]
        annotations = Annotations(
            labels=np.array(labels, dtype=np.int64),
            domain_of=np.repeat(np.array(domains), [len(part) for part in parts.values()]),
            ids=np.array([f"{d}/{name}" for d, part in parts.items() for name in part.ids]),
            masks=JoinedMasks(tuple(parts.values())),
            prompts=[part.prompts_of(k) for part in parts.values() for k in range(len(part))],
            pictures=[f"{d}/{p.picture_of(k)}" for d, p in parts.items() for k in range(len(p))],
        )
        pixels = JoinedPixels(tuple(parts.values()))
        return ImageSet.of(card, split, self.status(card, locations).digest, pixels, annotations)


SOURCES: Mapping[str, PooledSource] = {
    **{
        name: PooledSource({domain: domain for domain in members})
        for name, members in POOLS.items()
    },
    **{
        deduplicated(name): PooledSource({d: deduplicated(d) if d in REPEATING else d for d in of})
        for name, of in POOLS.items()
    },
    **{
        f"{name}_twin": PooledSource({domain: f"{domain}_twin" for domain in members})
        for name, members in POOLS.items()
    },
}
