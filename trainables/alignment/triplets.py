"""Pictures, concepts, and whether the one shows the other.

Axes: n triplets, c channels, h rows, w columns, t tokens, k concepts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from trainables.concepts.sampling import ConceptSample
from trainables.context import Context
from trainables.data.image_set import ImageSet
from trainables.data.transforms import EvalTransform
from trainables.engine.batches import image_batches


@dataclass(frozen=True, kw_only=True, eq=False)
class Triplets:
    """Every pair of a picture and a concept it was annotated with.

    Args:
        picture_n: index of the picture in ``images``.
        concept_n: index of the concept in ``concepts``.
        shown_n: 1 where the picture shows the concept, else 0.
    """

    images: ImageSet
    concepts: tuple[str, ...]
    picture_n: Tensor
    concept_n: Tensor
    shown_n: Tensor

    def __len__(self) -> int:
        return len(self.picture_n)


class TripletBatch(NamedTuple):
    """Pictures, float32, the tokens of a concept's question each, and whether they show it."""

    x_nchw: Tensor
    ids_nt: Tensor
    shown_n: Tensor


def training_triplets(images: ImageSet, samples: Mapping[str, ConceptSample]) -> Triplets:
    """Return what is learned from: of every concept as many pictures of each side."""
    return _triplets(images, {c: (s.train_positive, s.train_negative) for c, s in samples.items()})


def held_out_triplets(images: ImageSet, samples: Mapping[str, ConceptSample]) -> Triplets:
    """Return what is judged by."""
    return _triplets(images, {c: (s.val_positive, s.val_negative) for c, s in samples.items()})


def _triplets(
    images: ImageSet, sides: Mapping[str, tuple[Sequence[int], Sequence[int]]]
) -> Triplets:
    parts = [
        (torch.tensor(rows), torch.full((len(rows),), concept), torch.full((len(rows),), shown))
        for concept, (positive, negative) in enumerate(sides.values())
        for rows, shown in ((positive, 1.0), (negative, 0.0))
    ]
    picture_n, concept_n, shown_n = map(torch.cat, zip(*parts, strict=True))
    return Triplets(
        images=images,
        concepts=tuple(sides),
        picture_n=picture_n,
        concept_n=concept_n,
        shown_n=shown_n,
    )


def triplet_batches(
    triplets: Triplets,
    question_ids_kt: Tensor,
    transform: EvalTransform,
    index_batches: Sequence[Tensor],
    context: Context,
) -> Iterator[TripletBatch]:
    """Yield one batch per list of indices, in that order.

    Args:
        question_ids_kt: the tokens of every concept, on the CPU.

    Raises:
        DatasetError: a picture cannot be read.
    """
    pictures = [triplets.picture_n[indices] for indices in index_batches]
    loaded = image_batches(
        triplets.images, transform, pictures, context.device, context.loader_workers
    )
    for indices, batch in zip(index_batches, loaded, strict=True):
        yield TripletBatch(
            batch.x_nchw,
            question_ids_kt[triplets.concept_n[indices]].to(context.device),
            triplets.shown_n[indices].to(context.device),
        )
