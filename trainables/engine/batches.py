"""Pictures of an image set as normalised batches on a device.

Pictures in arrays are taken and transformed a batch at a time, on the device. Pictures in files are
decoded and transformed one by one by a DataLoader.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from trainables.data.image_set import ImageSet
from trainables.data.transforms import EvalTransform, TrainTransform, Transform


class ImageBatch(NamedTuple):
    """Pictures x_nchw, float32, and their labels (n) int64 or (n, k) float32."""

    x_nchw: Tensor
    labels: Tensor


def image_batches(
    images: ImageSet,
    transform: EvalTransform | TrainTransform,
    index_batches: Sequence[Tensor],
    device: str,
    workers: int = 0,
) -> Iterator[ImageBatch]:
    """Yield one batch per list of indices, in that order.

    Args:
        workers: processes that decode pictures in files; 0 decodes in this one.

    Raises:
        DatasetError: a picture cannot be read.
    """
    if images.stacked:
        yield from _from_arrays(images, transform, index_batches, device)
    else:
        loader = DataLoader(
            _Transformed(images, transform.build()),
            batch_sampler=[indices.tolist() for indices in index_batches],
            num_workers=workers,
            pin_memory=torch.device(device).type == "cuda",
        )
        yield from _from_loader(loader, device)


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


def _from_loader(loader: DataLoader[tuple[Tensor, Any]], device: str) -> Iterator[ImageBatch]:
    for x_nchw, labels in loader:
        yield ImageBatch(x_nchw.to(device, non_blocking=True), labels.to(device, non_blocking=True))


def _to_device(tensor: Tensor, device: str) -> Tensor:
    if torch.device(device).type == "cuda":
        # Only a copy from pinned memory runs beside the computation.
        return tensor.contiguous().pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


def split_images(batch: ImageBatch, parts: int) -> list[tuple[ImageBatch, float]]:
    """Cut a batch into parts, each with its share of the cases."""
    pieces = zip(batch.x_nchw.chunk(parts), batch.labels.chunk(parts), strict=True)
    cases = len(batch.labels)
    return [(ImageBatch(x_nchw, labels), len(labels) / cases) for x_nchw, labels in pieces]


class _Transformed(Dataset[tuple[Tensor, Any]]):
    def __init__(self, images: ImageSet, apply: Transform) -> None:
        self.images, self.apply = images, apply

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, Any]:
        image_chw, label = self.images[index]
        return self.apply(image_chw), label
