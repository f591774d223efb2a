"""The cases of a split as a network for masks sees them: one structure in one picture each.

Axes: k channels, c colours, h rows, w columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

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
    """

    images: ImageSet
    transform: InputTransform
    mask_mode: MaskMode
    channel_of: tuple[int, ...]
    channels: int

    def __len__(self) -> int:
        return len(self.images)

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

        Channels of other structures are empty, whatever the picture shows of them.
        """
        side = self.transform.size_px
        target_khw = torch.zeros(self.channels, side, side)
        binary = self.mask_mode == "binary"
        target_khw[self.channel(index)] = (
            (shrunk_hw > TRUTH_ABOVE).float() if binary else shrunk_hw.float() / 255
        )
        return target_khw


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
        DatasetError: the data is absent or damaged, or has no case of the classes.
        ConfigError: a class is unknown, or no channel answers for one.
    """
    images = of_classes(open_split(data, split, context), classes)
    return Cases(
        images=images,
        transform=spec.transform,
        mask_mode=spec.mask_mode,
        channel_of=_channel_of(images, spec.channels),
        channels=max(1, len(spec.channels)),
    )


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
