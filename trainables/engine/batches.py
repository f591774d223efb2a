"""Pictures of an image set as normalised batches on a device.

Pictures in arrays are taken and transformed a batch at a time, on the device. Pictures in files are
decoded and transformed one by one by a DataLoader, with as many worker processes as the environment
variable ``XENOGRAFT_LOADER_WORKERS`` says (none unless set): a property of the machine, not of a
trial.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from trainables.data.image_set import ImageSet
from trainables.data.transforms import EvalTransform, TrainTransform, Transform
from trainables.errors import ConfigError

_WORKERS = "XENOGRAFT_LOADER_WORKERS"


class ImageBatch(NamedTuple):
    """Pictures x_nchw, float32, and their labels (n) int64 or (n, k) float32."""

    x_nchw: Tensor
    labels: Tensor


def image_batches(
    images: ImageSet,
    transform: EvalTransform | TrainTransform,
    index_batches: Sequence[Tensor],
    device: str,
) -> Iterator[ImageBatch]:
    """Yield one batch per list of indices, in that order.

    Raises:
        DatasetError: a picture cannot be read.
    """
    if images.stacked:
        yield from _from_arrays(images, transform, index_batches, device)
    else:
        yield from _from_files(images, transform.build(), index_batches, device)


def loader_workers() -> int:
    """Return how many processes decode pictures for each trial.

    Raises:
        ConfigError: the environment variable does not hold a number.
    """
    text = os.environ.get(_WORKERS, "0")
    if not text.isdecimal():
        raise ConfigError(f"{_WORKERS} must be a number of processes, got '{text}'")
    return int(text)


def _from_arrays(
    images: ImageSet,
    transform: EvalTransform | TrainTransform,
    index_batches: Sequence[Tensor],
    device: str,
) -> Iterator[ImageBatch]:
    apply = transform.build()
    labels = torch.from_numpy(images.labels)
    for indices in index_batches:
        raw_nchw = _to_device(images.images(indices.numpy()), device)
        if isinstance(transform, TrainTransform):
            # A random transform draws once per call, so each picture needs a call of its own.
            x_nchw = torch.stack([apply(raw_chw) for raw_chw in raw_nchw])
        else:
            x_nchw = apply(raw_nchw)
        yield ImageBatch(x_nchw, _to_device(labels[indices], device))


def _from_files(
    images: ImageSet, apply: Transform, index_batches: Sequence[Tensor], device: str
) -> Iterator[ImageBatch]:
    loader = DataLoader(
        _Transformed(images, apply),
        batch_sampler=[indices.tolist() for indices in index_batches],
        num_workers=loader_workers(),
        pin_memory=torch.device(device).type == "cuda",
    )
    for x_nchw, labels in loader:
        yield ImageBatch(x_nchw.to(device, non_blocking=True), labels.to(device, non_blocking=True))


def _to_device(tensor: Tensor, device: str) -> Tensor:
    if torch.device(device).type == "cuda":
        # Only a copy from pinned memory runs beside the computation.
        return tensor.contiguous().pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


class _Transformed(Dataset[tuple[Tensor, Any]]):
    def __init__(self, images: ImageSet, apply: Transform) -> None:
        self.images, self.apply = images, apply

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, Any]:
        image_chw, label = self.images[index]
        return self.apply(image_chw), label
