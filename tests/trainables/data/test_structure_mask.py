"""Masks of one structure in every form that sets come in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from trainables.data.structure_mask import INSIDE, read_structure
from trainables.errors import DatasetError

INSIDE_HW = np.zeros((6, 9), dtype=bool)
INSIDE_HW[1:4, 2:7] = True
LEVELS_HW = np.where(INSIDE_HW, 255, 0).astype(np.uint8)


FORMS = {
    "grey.png": lambda path: Image.fromarray(LEVELS_HW).save(path),
    "bits.png": lambda path: Image.fromarray(INSIDE_HW).save(path),
    "bits.tif": lambda path: Image.fromarray(INSIDE_HW).save(path),
    "palette.png": lambda path: Image.fromarray(LEVELS_HW).quantize(2).save(path),
    "rgb.png": lambda path: Image.fromarray(np.stack([LEVELS_HW] * 3, axis=2)).save(path),
    "rgba.png": lambda path: Image.fromarray(LEVELS_HW).convert("RGBA").save(path),
    "alpha.png": lambda path: Image.fromarray(LEVELS_HW).convert("LA").save(path),
    "grey.bmp": lambda path: Image.fromarray(LEVELS_HW).save(path),
    "rgb.jpg": lambda path: Image.fromarray(LEVELS_HW).convert("RGB").save(path, quality=95),
}


@pytest.mark.parametrize("name", FORMS)
def test_same_structure_is_read_from_every_form(name: str, tmp_path: Path) -> None:
    FORMS[name](tmp_path / name)
    mask_hw = read_structure(tmp_path / name).numpy()
    assert mask_hw.dtype == np.uint8
    np.testing.assert_array_equal(mask_hw >= INSIDE, INSIDE_HW)


def test_levels_are_kept_as_stored(tmp_path: Path) -> None:
    levels_hw = np.arange(256, dtype=np.uint8).reshape(16, 16)
    Image.fromarray(levels_hw).save(tmp_path / "m.png")
    np.testing.assert_array_equal(read_structure(tmp_path / "m.png").numpy(), levels_hw)


def test_first_channel_counts_as_in_the_paper(tmp_path: Path) -> None:
    red_and_green = np.stack([LEVELS_HW, 255 - LEVELS_HW, 0 * LEVELS_HW], axis=2)
    Image.fromarray(red_and_green).save(tmp_path / "m.png")
    np.testing.assert_array_equal(read_structure(tmp_path / "m.png").numpy(), LEVELS_HW)


@pytest.mark.parametrize("level", [1, 3, 127])
def test_low_levels_are_refused_with_what_to_do(level: int, tmp_path: Path) -> None:
    Image.fromarray(INSIDE_HW.astype(np.uint8) * level).save(tmp_path / "m.png")
    with pytest.raises(DatasetError, match=rf"m\.png: its brightest level is {level}, .*255"):
        read_structure(tmp_path / "m.png")


def test_empty_mask_is_a_mask(tmp_path: Path) -> None:
    Image.new("L", (9, 6)).save(tmp_path / "m.png")
    assert not read_structure(tmp_path / "m.png").any()


@pytest.mark.parametrize("mode", ["I;16", "F", "I"])
def test_deeper_masks_are_refused(mode: str, tmp_path: Path) -> None:
    Image.new(mode, (9, 6)).save(tmp_path / "m.tif")
    with pytest.raises(DatasetError, match="8 bits"):
        read_structure(tmp_path / "m.tif")


@pytest.mark.parametrize("content", [b"", b"<html>", b"\x89PNG\r\n\x1a\n junk"])
def test_damaged_file_is_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "m.png").write_bytes(content)
    with pytest.raises(DatasetError, match=r"m\.png: cannot be read as a mask"):
        read_structure(tmp_path / "m.png")


def test_truncated_file_is_named(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (64, 64), dtype=np.uint8)).save(tmp_path / "m.png")
    whole = (tmp_path / "m.png").read_bytes()
    (tmp_path / "m.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DatasetError, match=r"m\.png: cannot be read as a mask"):
        read_structure(tmp_path / "m.png")
