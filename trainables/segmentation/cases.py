"""The cases of a split as a network for masks sees them: one structure in one picture each.

Axes: k channels, c colours, h rows, w columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from trainables.config import DataRef
from trainables.context import Context
from trainables.data.card import Split
from trainables.data.image_set import ImageSet
from trainables.data.open import open_split
from trainables.errors import ConfigError, DatasetError, did_you_mean
from trainables.segmentation.case_metrics import TRUTH_ABOVE
from trainables.segmentation.config import MaskMode
from trainables.segmentation.input_transform import InputTransform
from trainables.segmentation.resize import prepare_picture, shrink_mask
from trainables.segmentation.spec import SegmenterSpec


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Cases:
    """Pictures, targets and names.

    Args:
        channel_of: class index -> output channel that answers for it.
        channels: outputs of the network.
        background: the channel of pixels that are of no structure, where channels exclude each
            other; else None.
        masks_of: where they do, row of a case in ``images`` -> channel -> row of the mask of that
            channel's structure on the same picture.
    """

    images: ImageSet
    transform: InputTransform
    mask_mode: MaskMode
    channel_of: tuple[int, ...]
    channels: int
    background: int | None = None
    masks_of: Mapping[int, Mapping[int, int]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.images)

    @property
    def exclusive(self) -> bool:
        """Whether a pixel belongs to one channel only."""
        return self.background is not None

    def one_per_picture(self) -> Cases:
        """Return the first case of every picture."""
        first: dict[str, int] = {}
        for index in range(len(self)):
            first.setdefault(self.images.picture_of(index), index)
        return self.subset(np.array(list(first.values()), dtype=np.int64))

    def subset(self, indices: npt.NDArray[np.int64]) -> Cases:
        """Return the cases at ``indices``, in that order."""
        return replace(self, images=self.images.subset(indices))

    def name(self, index: int) -> str:
        """Return the id of a case."""
        return str(self.images.ids[index])

    def channel(self, index: int) -> int:
        """Return the output channel of a case's structure."""
        return self.channel_of[int(self.images.labels[index])]

    def pixels(self, index: int) -> Tensor:
        """Return the normalised picture, float32 (3, h, w)."""
        return prepare_picture(self.images.image(index), self.transform)

    def shrunk(self, index: int) -> Tensor:
        """Return the mask at the size of the network, grey levels as stored, uint8 (h, w)."""
        return shrink_mask(self.images.mask(index), self.transform.size_px)

    def target(self, index: int, shrunk_hw: Tensor) -> Tensor:
        """Return what the network should say of a case, float32 in [0, 1] (k, h, w).

        Channels of other structures are empty, whatever the picture shows of them, unless channels
        exclude each other: then all of the picture's structures are there, and the background.

        Args:
            shrunk_hw: the mask of the case, see :meth:`shrunk`.
        """
        side = self.transform.size_px
        target_khw = torch.zeros(self.channels, side, side)
        target_khw[self.channel(index)] = self._plane(shrunk_hw)
        if self.background is not None:
            row = int(self.images.rows[index])
            for channel, other in self.masks_of[row].items():
                if other != row:
                    shrunk_hw = shrink_mask(self.images.mask_in_row(other), side)
                    target_khw[channel] = self._plane(shrunk_hw)
            target_khw[self.background] = (1 - target_khw.sum(dim=0)).clamp(min=0)
        return target_khw

    def _plane(self, shrunk_hw: Tensor) -> Tensor:
        if self.mask_mode == "binary":
            return (shrunk_hw > TRUTH_ABOVE).float()
        return shrunk_hw.float() / 255


def open_cases(
    data: DataRef,
    split: Split,
    spec: SegmenterSpec,
    context: Context,
    classes: Sequence[str] = (),
) -> Cases:
    """Open the cases of a split for a network.

    Args:
        classes: keep the cases of these only; all when empty.

    Raises:
        SealedTestError: a search trial asks for the test split.
        DatasetError: the data is absent or damaged, has no case of the classes, or lacks structures
            of a picture where channels exclude each other.
        ConfigError: a class is unknown, or no channel answers for one.
    """
    images = of_classes(open_split(data, split, context), classes)
    channel_of = _channel_of(images, spec.channels)
    return Cases(
        images=images,
        transform=spec.transform,
        mask_mode=spec.mask_mode,
        channel_of=channel_of,
        channels=max(1, len(spec.channels)),
        background=spec.background,
        masks_of={} if spec.background is None else _masks_of(images, channel_of, spec.channels),
    )


def _masks_of(
    images: ImageSet, channel_of: Sequence[int], channels: Mapping[str, tuple[str, ...]]
) -> dict[int, dict[int, int]]:
    """Return, for the row of every case, the rows of all structures of its picture by channel."""
    pictures: dict[str, dict[int, int]] = {}
    for index, label in enumerate(images.labels.tolist()):
        shown = pictures.setdefault(images.picture_of(index), {})
        if channel_of[label] in shown:
            raise DatasetError(
                f"{images.name}/{images.split}: picture '{images.picture_of(index)}' has two cases "
                f"of one channel, the second of class '{images.classes[label]}'"
            )
        shown[channel_of[label]] = int(images.rows[index])
    wanted = {k: name for k, (name, classes) in enumerate(channels.items()) if classes}
    for picture, shown in pictures.items():
        missing = [name for k, name in wanted.items() if k not in shown]
        if missing:
            raise DatasetError(
                f"{images.name}/{images.split}: picture '{picture}' has no case of "
                f"'{missing[0]}': where channels exclude each other, all of its structures are "
                "needed. data.limit and classes leave cases out; use neither"
            )
    return {row: shown for shown in pictures.values() for row in shown.values()}


def of_classes(images: ImageSet, classes: Sequence[str]) -> ImageSet:
    """Return the cases of some classes; all of them if none is named.

    Raises:
        ConfigError: a class is unknown.
        DatasetError: there is no case of them.
    """
    if not classes:
        return images
    for name in classes:
        if name not in images.classes:
            raise ConfigError(
                f"data set '{images.name}' has no class '{name}'."
                f"{did_you_mean(name, images.classes)}"
            )
    wanted = [images.classes.index(name) for name in classes]
    kept = np.flatnonzero(np.isin(images.labels, wanted))
    if not len(kept):
        raise DatasetError(
            f"{images.name}/{images.split}: no case of {', '.join(classes)}; raise data.limit"
        )
    return images.subset(kept)


def _channel_of(images: ImageSet, channels: Mapping[str, tuple[str, ...]]) -> tuple[int, ...]:
    if not channels:
        return (0,) * len(images.classes)
    by_class = {name: k for k, names in enumerate(channels.values()) for name in names}
    shown = {images.classes[label] for label in np.unique(images.labels)}
    silent = sorted(shown - by_class.keys())
    if silent:
        raise ConfigError(
            f"no channel answers for class '{silent[0]}' of data set '{images.name}': name it in "
            "channels"
        )
    return tuple(by_class.get(name, 0) for name in images.classes)
