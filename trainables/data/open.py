"""Open a split the way trainables do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from trainables.config import DataRef, seed_from
from trainables.data.card import DataCard, Split
from trainables.data.cards import reference_status, source_of
from trainables.data.copies import split_name
from trainables.data.image_set import ImageSet
from trainables.errors import DatasetError, did_you_mean

if TYPE_CHECKING:
    from trainables.context import Context, Locations


def open_split(ref: DataRef, split: Split, context: Context) -> ImageSet:
    """Open a split, generating or unpacking through the store only what was asked for.

    Raises:
        SealedTestError: a search trial asks for the test split.
        DatasetError: the data is absent or damaged, or a domain is unknown.
        StorageError: the store cannot hold what has to be generated.
    """
    if split == "test":
        context.open_test()
    return load_split(ref, split, context.locations)


def load_split(ref: DataRef, split: Split, locations: Locations) -> ImageSet:
    """Open a split outside a trial (checks); the caller answers for test data."""
    status = reference_status(ref, locations)
    if not status.present:
        raise DatasetError(status.reason)
    if status.card.expected_counts.get(split) == 0:
        raise DatasetError(f"{ref.name}/{split}: no pictures, the data set has none for {split}")
    domains = _domains(status.card, ref.domains)
    image_set = source_of(status.card).load(status.card, split, domains, locations)
    if not len(image_set):
        raise DatasetError(f"{ref.name}/{split}: no picture of {', '.join(domains)}")
    kept = np.arange(len(image_set))
    if 0 < ref.limit < len(image_set):
        # Of copies, the same pictures as of the set.
        seed = seed_from(split_name(ref.name)[0], split, ref.limit)
        kept = _balanced(image_set.labels, ref.limit, seed)
    return image_set.take(kept, domains=domains, limit=ref.limit, digest=status.digest)


def _domains(card: DataCard, wanted: tuple[str, ...]) -> tuple[str, ...]:
    for domain in wanted:
        if domain not in card.domains:
            raise DatasetError(
                f"data set '{card.name}' has no domain '{domain}'."
                f"{did_you_mean(domain, card.domains)}"
            )
    # Card order, whatever the order asked for: the same domains are the same set.
    return tuple(d for d in card.domains if d in wanted) if wanted else card.domains


def _balanced(labels: npt.NDArray[Any], limit: int, seed: int) -> npt.NDArray[np.int64]:
    """Draw ``limit`` rows, one of each class in turn; multi-label rows are drawn evenly."""
    order = np.random.default_rng(seed).permutation(len(labels))
    if labels.ndim == 1:
        shuffled = labels[order]
        # How many of its class come before each row: taking low ranks first is round-robin.
        rank = np.zeros(len(labels), dtype=np.int64)
        for label in np.unique(labels):
            mine = shuffled == label
            rank[mine] = np.arange(mine.sum())
        order = order[np.argsort(rank, kind="stable")]
    return np.sort(order[:limit])
