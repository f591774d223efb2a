"""Pictures, masks and predictions at other sizes, against recorded values and Pillow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from trainables.segmentation.input_transform import InputTransform
from trainables.segmentation.resize import enlarge_prediction, prepare_picture, shrink_mask

STATISTICS = {
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "clip": ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)),
}


@pytest.mark.parametrize("number", range(6))
def test_pictures_and_masks_conform_with_the_released_code(
    golden: Callable[[str], Any], number: int
) -> None:
    case = golden("transforms")["inputs"][number]
    mean, std = STATISTICS[case["stats"]]
    assert case["size"] == [case["size"][0]] * 2
    size_px = case["size"][0]
    picture_chw = torch.tensor(case["image"], dtype=torch.uint8).permute(2, 0, 1)
    x_chw = prepare_picture(picture_chw, InputTransform(size_px=size_px, mean=mean, std=std))
    torch.testing.assert_close(x_chw, torch.tensor(case["pixel_values"]), atol=1e-6, rtol=0)
    mask_hw = torch.tensor(case["mask"], dtype=torch.uint8)
    shrunk = shrink_mask(mask_hw, size_px).float() / 255
    torch.testing.assert_close(shrunk[None], torch.tensor(case["mask_tensor"]), atol=1e-7, rtol=0)


def test_predictions_conform_with_the_released_code(golden: Callable[[str], Any]) -> None:
    for case in golden("transforms")["prediction_resize"]:
        predicted = torch.tensor(case["pred"])[0] > 0
        resized = enlarge_prediction(predicted, case["height"], case["width"])
        assert torch.equal(resized, torch.tensor(case["resized"])[0] > 0)


@pytest.mark.parametrize("size_px", [1, 7, 64, 224, 352, 416])
def test_masks_are_resized_as_pillow_does(size_px: int) -> None:
    rng = np.random.default_rng(size_px)
    for height, width in [(1, 1), (3, 500), (288, 384), (704, 352), (966, 1225), (57, 113)]:
        mask_hw = rng.integers(0, 256, (height, width), dtype=np.uint8)
        expected = Image.fromarray(mask_hw).resize((size_px, size_px), Image.Resampling.NEAREST)
        got = shrink_mask(torch.from_numpy(mask_hw), size_px)
        assert np.array_equal(got.numpy(), np.asarray(expected)), (height, width)


def test_pictures_are_resized_as_pillow_does() -> None:
    rng = np.random.default_rng(3)
    for height, width in [(288, 384), (57, 113), (600, 200)]:
        picture_hwc = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        image = Image.fromarray(picture_hwc).resize((96, 96), Image.Resampling.BILINEAR)
        expected = torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 255
        plain = InputTransform(size_px=96, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
        got = prepare_picture(torch.from_numpy(picture_hwc).permute(2, 0, 1), plain)
        torch.testing.assert_close(got, expected, atol=1e-6, rtol=0)


def test_enlarging_keeps_shapes_where_they_are() -> None:
    predicted = torch.zeros(4, 4, dtype=torch.bool)
    predicted[1:3, 2:] = True
    big = enlarge_prediction(predicted, 8, 12)
    assert torch.equal(big, predicted.repeat_interleave(2, 0).repeat_interleave(3, 1))
