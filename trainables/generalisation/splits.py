"""The in and out parts of a domain, drawn as DomainBed draws them.

Legend: n pictures.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trainables.config import DataRef
from trainables.context import Context
from trainables.data.cards import get_data_card
from trainables.data.image_set import ImageSet
from trainables.data.open import open_split
from trainables.errors import DatasetError

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class DomainParts:
    """The pictures of one domain, as indices into the set they were opened with.

    Args:
        environment: position of the domain in the data card.
        inside: the larger part: training pictures of a source, test pictures of a target.
        outside: the part held out from it: validation pictures of a source.
    """

    name: str
    environment: int
    inside: Indices
    outside: Indices


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Domains:
    """Pictures of several domains, and where each of them is."""

    images: ImageSet
    parts: tuple[DomainParts, ...]


def seed_hash(*parts: object) -> int:
    """Return DomainBed's seed of what names the draw: md5 of the tuple as text, modulo 2**31."""
    return int(hashlib.md5(str(parts).encode(), usedforsecurity=False).hexdigest(), 16) % 2**31


def in_out_split(n: int, holdout_fraction: float, seed: int) -> tuple[Indices, Indices]:
    """Return positions of the in part and of the out part of n pictures, both in drawn order."""
    order = np.arange(n)
    np.random.RandomState(seed).shuffle(order)
    held_out = int(n * holdout_fraction)
    return order[held_out:], order[:held_out]


def open_domains(
    data: DataRef, names: Sequence[str], holdout_fraction: float, context: Context
) -> Domains:
    """Open domains and split each by the replicate and its place in the data card.

    All pictures have to be in the split 'train' of the set: the parts are drawn from there. Domains
    are in the order of the card.

    Raises:
        DatasetError: the data is absent or damaged, or a part of a domain has no picture.
    """
    card = get_data_card(data.name)
    ref = DataRef(name=data.name, domains=tuple(names), limit=data.limit)
    images = open_split(ref, "train", context)
    parts = []
    for name in images.domains:
        environment = card.domains.index(name)
        rows = _folder_order(images, name)
        inside, outside = in_out_split(
            len(rows), holdout_fraction, seed_hash(context.replicate, environment)
        )
        if min(len(inside), len(outside)) == 0:
            raise DatasetError(
                f"{data.name}: {len(rows)} pictures of domain '{name}' cannot be parted at "
                f"{holdout_fraction:g}: raise data.limit or holdout_fraction"
            )
        parts.append(
            DomainParts(
                name=name, environment=environment, inside=rows[inside], outside=rows[outside]
            )
        )
    return Domains(images=images, parts=tuple(parts))


def _folder_order(images: ImageSet, domain: str) -> Indices:
    """Return a domain's pictures in the order of a folder of folders of classes.

    DomainBed reads its pictures so, hence the seed decides how many of each class a part gets.
    Within a class they stay as the set has them, which its digest covers.
    """
    rows = np.flatnonzero(images.domain_of == domain)
    return rows[np.argsort(images.labels[rows], kind="stable")]
