"""Batches hold the pictures asked for, wherever these come from."""

from __future__ import annotations

import pytest
import torch

from trainables.data.augmentation import Augmentation
from trainables.data.image_set import ImageSet
from trainables.data.transforms import EvalTransform, TrainTransform
from trainables.engine.batches import image_batches

NORM = {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)}
PLAIN = EvalTransform(size_px=16, **NORM)
PARTS = [torch.tensor([3, 0]), torch.tensor([10])]


def test_array_batches_equal_pictures_taken_one_by_one(array_set: ImageSet) -> None:
    batches = list(image_batches(array_set, PLAIN, PARTS, "cpu"))
    for part, batch in zip(PARTS, batches, strict=True):
        pictures = [array_set.image(int(i)).float() / 127.5 - 1 for i in part]
        torch.testing.assert_close(batch.x_nchw, torch.stack(pictures))
        assert batch.labels.tolist() == [array_set.labels[i] for i in part]


def test_file_batches_equal_array_batches(array_set: ImageSet, file_set: ImageSet) -> None:
    from_arrays = list(image_batches(array_set, PLAIN, PARTS, "cpu"))
    from_files = list(image_batches(file_set, PLAIN, PARTS, "cpu"))
    for left, right in zip(from_arrays, from_files, strict=True):
        torch.testing.assert_close(left.x_nchw, right.x_nchw)
        assert torch.equal(left.labels, right.labels)


@pytest.mark.parametrize("kind", ["array_set", "file_set"])
def test_augmentation_draws_for_each_picture_and_follows_the_seed(
    kind: str, request: pytest.FixtureRequest
) -> None:
    images = request.getfixturevalue(kind)
    random = TrainTransform(size_px=16, augmentation=Augmentation(horizontal_flip=0.5), **NORM)
    part = [torch.zeros(16, dtype=torch.int64)]

    def drawn(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        return next(iter(image_batches(images, random, part, "cpu"))).x_nchw

    first = drawn(0)
    flipped = [bool((x != first[0]).any()) for x in first]
    assert any(flipped)
    assert not all(flipped[1:])
    assert torch.equal(first, drawn(0))
    assert not torch.equal(first, drawn(1))


def test_worker_processes_change_nothing(file_set: ImageSet) -> None:
    alone = list(image_batches(file_set, PLAIN, PARTS, "cpu"))
    shared = list(image_batches(file_set, PLAIN, PARTS, "cpu", workers=2))
    assert len(alone) == len(shared)
    for one, other in zip(alone, shared, strict=True):
        assert torch.equal(one.x_nchw, other.x_nchw)
        assert torch.equal(one.labels, other.labels)
