"""Image sets hand out the same pictures whichever way they are asked and wherever they lie."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from trainables.data.cards import get_data_card
from trainables.data.image_set import Annotations, ImageSet, Pixels
from trainables.data.pixels import ArrayPixels, FilePixels, read_image
from trainables.errors import DatasetError


def make(pixels: Pixels, count: int) -> ImageSet:
    return ImageSet.of(
        get_data_card("fundus"),
        "train",
        "d",
        pixels,
        Annotations(
            labels=np.arange(count) % 5,
            domain_of=np.full(count, "camera_0"),
            ids=np.array([f"p{i}" for i in range(count)]),
        ),
    )


@pytest.fixture
def chunks_nchw() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (n, 3, 4, 5), dtype=np.uint8) for n in (3, 1, 6)]


def test_batches_gather_across_chunks(chunks_nchw: list[np.ndarray]) -> None:
    image_set = make(ArrayPixels(chunks_nchw), 10)
    whole_nchw = np.concatenate(chunks_nchw)
    wanted = [9, 0, 3, 3, 2, 4]
    np.testing.assert_array_equal(image_set.images(wanted).numpy(), whole_nchw[wanted])
    for index in range(10):
        np.testing.assert_array_equal(image_set.image(index).numpy(), whole_nchw[index])


def test_grey_arrays_get_three_equal_channels() -> None:
    pixels_nchw = np.random.default_rng(0).integers(0, 256, (2, 1, 4, 5), dtype=np.uint8)
    batch_nchw = make(ArrayPixels([pixels_nchw]), 2).images([1, 0])
    assert batch_nchw.shape == (2, 3, 4, 5)
    for channel in range(3):
        np.testing.assert_array_equal(batch_nchw[:, channel].numpy(), pixels_nchw[[1, 0], 0])


def test_subset_of_a_subset_keeps_pictures_and_labels_together(
    chunks_nchw: list[np.ndarray],
) -> None:
    image_set = make(ArrayPixels(chunks_nchw), 10)
    part = image_set.subset([8, 1, 5]).subset([2, 0])
    assert len(part) == 2
    assert part.ids.tolist() == ["p5", "p8"]
    assert part.labels.tolist() == [0, 3]
    assert torch.equal(part.images([0, 1]), image_set.images([5, 8]))
    picture, label = part[1]
    assert torch.equal(picture, image_set.image(8))
    assert label == 3


def test_identity_tells_subsets_apart(chunks_nchw: list[np.ndarray]) -> None:
    image_set = make(ArrayPixels(chunks_nchw), 10)
    seen = [image_set, image_set.subset([1, 2]), image_set.subset([2, 1])]
    keys = [tuple(sorted((k, str(v)) for k, v in s.identity().items())) for s in seen]
    assert len(set(keys)) == 3
    assert image_set.identity() == {"data": "d", "split": "train", "domains": [], "limit": 0}
    assert image_set.subset([1, 2]).identity() == seen[1].identity()


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp"])
@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA"])
def test_lossless_files_come_back_as_rgb(tmp_path: Path, suffix: str, mode: str) -> None:
    channels = {"RGB": 3, "L": 1, "RGBA": 4}[mode]
    array = np.random.default_rng(0).integers(0, 256, (6, 7, channels), dtype=np.uint8)
    path = tmp_path / f"x{suffix}"
    Image.fromarray(array.squeeze()).save(path)
    expected_chw = np.repeat(array, 3, 2) if mode == "L" else array[..., :3]
    image_set = make(FilePixels([path]), 1)
    assert not image_set.stacked
    np.testing.assert_array_equal(image_set.image(0).numpy(), expected_chw.transpose(2, 0, 1))


def test_jpeg_is_read_close_to_pillow(tmp_path: Path) -> None:
    smooth_hwc = np.linspace(0, 255, 32 * 32 * 3).reshape(32, 32, 3).astype(np.uint8)
    path = tmp_path / "x.jpg"
    Image.fromarray(smooth_hwc).save(path, quality=95)
    with Image.open(path) as image:
        pillow_chw = np.asarray(image).transpose(2, 0, 1).astype(int)
    assert np.abs(read_image(path).numpy().astype(int) - pillow_chw).max() <= 3


def test_truncated_missing_unknown_and_deep_files_are_named(tmp_path: Path) -> None:
    whole = tmp_path / "whole.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40), dtype=np.uint8)).save(whole)
    (tmp_path / "cut.png").write_bytes(whole.read_bytes()[:200])
    (tmp_path / "cut.tif").write_bytes(b"II*\0")
    (tmp_path / "x.dcm").write_bytes(b"")
    Image.fromarray(np.full((4, 4), 3000, dtype=np.uint16)).save(tmp_path / "deep.png")
    for name in ("cut.png", "cut.tif", "missing.png", "x.dcm", "deep.png"):
        with pytest.raises(DatasetError, match=name):
            read_image(tmp_path / name)
