"""Pictures with outlines: where the outlines run, their colours, and how large a file gets."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from scipy.ndimage import distance_transform_cdt

from trainables.segmentation.overlay import MAX_BYTES, SIDE_PX, CasePicture, overlay_png

BLUE, YELLOW = (0, 114, 178), (240, 228, 66)
MARGIN_PX = 4


def decoded(case: CasePicture) -> npt.NDArray[np.uint8]:
    """Return the overlay as pixels."""
    return np.asarray(Image.open(io.BytesIO(overlay_png(case))).convert("RGB"))


def where(pixels_hwc: npt.NDArray[np.uint8], colour: tuple[int, int, int]) -> npt.NDArray[np.bool_]:
    """Return where a picture has a colour."""
    found: npt.NDArray[np.bool_] = (pixels_hwc == colour).all(axis=2)
    return found


def square(left: int, size: int = SIDE_PX) -> npt.NDArray[np.bool_]:
    """Return a square of 60 pixels."""
    mask_hw = np.zeros((size, size), dtype=np.bool_)
    mask_hw[50:110, left : left + 60] = True
    return mask_hw


def noise(height: int, width: int) -> npt.NDArray[np.uint8]:
    """Return the picture that compresses worst."""
    drawn = np.random.default_rng(1).integers(0, 256, (height, width, 3))
    return drawn.astype(np.uint8)


NOTHING = np.zeros((SIDE_PX, SIDE_PX), dtype=np.bool_)


@pytest.mark.parametrize(("height", "width"), [(400, 300), (64, 64), (256, 256), (1, 700), (9, 5)])
def test_even_a_picture_of_noise_stays_small(height: int, width: int) -> None:
    half_hw = np.zeros((height, width), dtype=np.bool_)
    half_hw[: height // 2] = True
    case = CasePicture(picture_hwc=noise(height, width), truth_hw=half_hw, prediction_hw=~half_hw)
    assert len(overlay_png(case)) <= MAX_BYTES
    shape = decoded(case).shape
    assert max(shape) == SIDE_PX + 2 * MARGIN_PX
    ratio = (shape[0] - 2 * MARGIN_PX) / (shape[1] - 2 * MARGIN_PX)
    assert ratio == pytest.approx(height / width, rel=0.05) or min(shape[:2]) == 1 + 2 * MARGIN_PX


def test_truth_is_a_band_of_four_pixels_around_the_structure() -> None:
    truth_hw = square(40)
    case = CasePicture(
        picture_hwc=noise(SIDE_PX, SIDE_PX), truth_hw=truth_hw, prediction_hw=NOTHING
    )
    outside = distance_transform_cdt(~np.pad(truth_hw, MARGIN_PX), metric="taxicab")
    assert np.array_equal(where(decoded(case), BLUE), (outside >= 1) & (outside <= 4))


def test_a_prediction_on_the_truth_is_a_line_inside_of_its_band() -> None:
    mask_hw = square(40)
    pixels_hwc = decoded(
        CasePicture(picture_hwc=noise(SIDE_PX, SIDE_PX), truth_hw=mask_hw, prediction_hw=mask_hw)
    )
    outside = distance_transform_cdt(~np.pad(mask_hw, MARGIN_PX), metric="taxicab")
    assert np.array_equal(where(pixels_hwc, YELLOW), (outside == 2) | (outside == 3))
    assert np.array_equal(where(pixels_hwc, BLUE), (outside == 1) | (outside == 4))


def test_a_prediction_apart_is_yellow_between_black_on_any_ground() -> None:
    white_hwc = np.full((SIDE_PX, SIDE_PX, 3), 255, dtype=np.uint8)
    prediction_hw = square(150)
    pixels_hwc = decoded(
        CasePicture(picture_hwc=white_hwc, truth_hw=square(10), prediction_hw=prediction_hw)
    )
    outside = distance_transform_cdt(~np.pad(prediction_hw, MARGIN_PX), metric="taxicab")
    assert np.array_equal(where(pixels_hwc, YELLOW), (outside == 2) | (outside == 3))
    assert where(pixels_hwc, (0, 0, 0))[(outside == 1) | (outside == 4)].all()


def test_the_outline_of_a_structure_that_fills_the_picture_is_in_the_margin() -> None:
    full_hw = ~NOTHING
    grey_hwc = np.full((SIDE_PX, SIDE_PX, 3), 90, dtype=np.uint8)
    pixels_hwc = decoded(CasePicture(picture_hwc=grey_hwc, truth_hw=full_hw, prediction_hw=NOTHING))
    inner_hwc = pixels_hwc[MARGIN_PX:-MARGIN_PX, MARGIN_PX:-MARGIN_PX]
    assert where(pixels_hwc, BLUE).sum() > 4 * SIDE_PX
    assert (inner_hwc == 90).all()


def test_a_small_picture_grows_with_its_outlines_thin() -> None:
    truth_hw = np.zeros((32, 32), dtype=np.bool_)
    truth_hw[8:24, 8:24] = True
    picture_hwc = np.full((32, 32, 3), 200, dtype=np.uint8)
    pixels_hwc = decoded(
        CasePicture(picture_hwc=picture_hwc, truth_hw=truth_hw, prediction_hw=~truth_hw)
    )
    row = where(pixels_hwc, BLUE)[MARGIN_PX + 16 * 8]
    columns = np.flatnonzero(row) - MARGIN_PX
    assert columns.tolist() == [60, 61, 62, 63, 192, 193, 194, 195]
