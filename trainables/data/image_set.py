"""The pictures of one split, as every trainable sees them.

Axes: n pictures, c channels (always 3), h rows, w columns; pixels are uint8.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt
from torch.utils.data import Dataset

from trainables.config import digest
from trainables.data.card import DataCard, Split, Task
from trainables.data.prompts import Prompts
from trainables.errors import DatasetError

if TYPE_CHECKING:
    import torch

Indices = Sequence[int] | npt.NDArray[np.int64]


class Pixels(Protocol):
    """Where pictures come from, addressed by row."""

    @property
    def stacked(self) -> bool:
        """Whether all pictures have one size, so that batches can be taken at once."""
        ...

    def image(self, row: int) -> torch.Tensor:
        """Return one picture, uint8 (3, h, w)."""
        ...

    def images(self, rows: npt.NDArray[np.int64]) -> torch.Tensor:
        """Return pictures as uint8 (n, 3, h, w); only for stacked pixels."""
        ...


class Masks(Protocol):
    """Segmentations, addressed by row like the pictures they belong to."""

    def mask(self, row: int) -> torch.Tensor:
        """Return class indices or grey levels as stored, uint8 (h, w)."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Annotations:
    """What is known about every row of some pixels.

    Args:
        labels: class index, int64 (n,), or 0/1 per class, float32 (n, classes).
        domain_of: the domain of every picture, str (n,).
        ids: a stable name of every picture, unique in its split, str (n,).
        captions: texts that describe each picture; empty when the set has none.
        masks: segmentations; None when the set has none.
        prompts: what each row's segmentation is asked for with; empty when the set has none.
        pictures: a name of what each row shows, where several may show one picture; empty when
            each shows its own.
    """

    labels: npt.NDArray[Any]
    domain_of: npt.NDArray[np.str_]
    ids: npt.NDArray[np.str_]
    captions: Sequence[tuple[str, ...]] = ()
    masks: Masks | None = None
    prompts: Sequence[Prompts] = ()
    pictures: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageSet(Dataset["tuple[torch.Tensor, Any]"]):
    """Pictures with labels.

    Of a set for segmentation, an item is a case: a picture and one structure to outline on it. The
    label is the structure's class, and a picture with three structures is there three times.

    Args:
        digest: identity of the whole data set's content.
        domains: the domains opened, in the card's order; empty before :func:`open_split`.
        limit: the most pictures asked for; 0 when all were.
        labels, domain_of, ids: see :class:`Annotations`, of the pictures of this set.
        rows: where every picture is in ``pixels`` and in what goes by its rows, int64 (n,).
        captions, masks, prompts, pictures: see :class:`Annotations`, by row of ``pixels``.
        part: digest of the indices when this is a :meth:`subset`.
    """

    name: str
    digest: str
    split: Split
    classes: tuple[str, ...]
    task: Task
    pixels: Pixels
    labels: npt.NDArray[Any]
    domain_of: npt.NDArray[np.str_]
    ids: npt.NDArray[np.str_]
    rows: npt.NDArray[np.int64]
    captions: Sequence[tuple[str, ...]] = ()
    masks: Masks | None = None
    prompts: Sequence[Prompts] = ()
    pictures: Sequence[str] = ()
    domains: tuple[str, ...] = ()
    limit: int = 0
    part: str = ""

    @classmethod
    def of(
        cls,
        card: DataCard,
        split: Split,
        digest: str,
        pixels: Pixels,
        annotations: Annotations,
    ) -> ImageSet:
        """Make the set of all the rows of ``pixels``."""
        return cls(
            name=card.name,
            digest=digest,
            split=split,
            classes=card.classes,
            task=card.task,
            pixels=pixels,
            labels=annotations.labels,
            domain_of=annotations.domain_of,
            ids=annotations.ids,
            rows=np.arange(len(annotations.labels)),
            captions=annotations.captions,
            masks=annotations.masks,
            prompts=annotations.prompts,
            pictures=annotations.pictures,
        )

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, Any]:
        return self.image(index), self.labels[index]

    @property
    def stacked(self) -> bool:
        """Whether :meth:`images` can be used."""
        return self.pixels.stacked

    def image(self, index: int) -> torch.Tensor:
        """Return one picture, uint8 (3, h, w)."""
        return self.pixels.image(int(self.rows[index]))

    def images(self, indices: Indices) -> torch.Tensor:
        """Return pictures as uint8 (n, 3, h, w); only for stacked sets."""
        return self.pixels.images(self.rows[np.asarray(indices, dtype=np.int64)])

    def captions_of(self, index: int) -> tuple[str, ...]:
        """Return the texts that describe a picture; empty when there are none."""
        return self.captions[self.rows[index]] if self.captions else ()

    def prompts_of(self, index: int) -> Prompts:
        """Return the prompts of a case by type, in the data's order; empty when it has none."""
        return self.prompts[self.rows[index]] if self.prompts else {}

    def picture_of(self, index: int) -> str:
        """Return a name of the picture of a case, the same for all cases of that picture."""
        return self.pictures[self.rows[index]] if self.pictures else str(self.ids[index])

    def mask(self, index: int) -> torch.Tensor:
        """Return the segmentation of a picture as stored, uint8 (h, w).

        Raises:
            DatasetError: the set or this picture has none, or its file cannot be read.
        """
        return self.mask_in_row(int(self.rows[index]))

    def mask_in_row(self, row: int) -> torch.Tensor:
        """Return :meth:`mask` by row of ``pixels``, which may be of a picture outside of this set.

        Raises:
            DatasetError: as there.
        """
        if self.masks is None:
            raise DatasetError(f"data set '{self.name}' has no masks")
        return self.masks.mask(row)

    def subset(self, indices: Indices) -> ImageSet:
        """Return the pictures at ``indices``, in that order."""
        chosen = np.asarray(indices, dtype=np.int64)
        return self.take(chosen, part=digest([self.part, chosen.tolist()]))

    def take(self, indices: npt.NDArray[np.int64], **changes: Any) -> ImageSet:
        """Return some pictures, with other fields changed as named."""
        return dataclasses.replace(
            self,
            labels=self.labels[indices],
            domain_of=self.domain_of[indices],
            ids=self.ids[indices],
            rows=self.rows[indices],
            **changes,
        )

    def identity(self) -> dict[str, Any]:
        """Return what tells this set from others, for keys of the store."""
        key: dict[str, Any] = {
            "data": self.digest,
            "split": self.split,
            "domains": list(self.domains),
            "limit": self.limit,
        }
        return {**key, "subset": self.part} if self.part else key
