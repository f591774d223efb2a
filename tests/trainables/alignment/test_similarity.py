"""Cosines of pictures in files with texts."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image

from trainables import align
from trainables.alignment.openclip_folder import save_aligned
from trainables.alignment.pair_model import create_pair_model
from trainables.alignment.similarity import NOTICE, similarities
from trainables.config import BackboneRef, DataRef
from trainables.context import Locations
from trainables.data.transforms import EvalTransform
from trainables.errors import ConfigError, DatasetError, WeightsError

CLIP = BackboneRef(card="openclip_vit_b16_twin", weights="random")
TEXTS = ["blue-white veil", "ragged border", "even colour"]


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    rng = np.random.default_rng(0)
    paths = []
    for number, shape in enumerate([(40, 64, 3), (64, 64, 3)]):
        # Smooth, so that libraries resize it alike.
        small = Image.fromarray(rng.integers(0, 256, (5, 6, 3), dtype=np.uint8))
        path = tmp_path / f"{number}.png"
        small.resize((shape[1], shape[0]), Image.Resampling.BICUBIC).save(path)
        paths.append(path)
    return paths


def test_cosines_of_a_folder_are_those_of_open_clip(
    pictures: list[Path], tmp_path: Path, locations: Locations
) -> None:
    folder = tmp_path / "clip"
    folder.mkdir()
    transform = EvalTransform(
        size_px=32, mean=(0.5, 0.4, 0.3), std=(0.3, 0.3, 0.3), interpolation="bicubic",
        resize="center_crop",
    )  # fmt: skip
    model = create_pair_model(CLIP, locations, seed=2, image_size_px=32)
    config = align.Config(backbone=CLIP, data=DataRef(name="isic_findings"))
    save_aligned(folder, model, transform, config, {})
    found = similarities(folder, pictures, TEXTS)

    theirs, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{folder}")
    theirs.eval()
    x_nchw = torch.stack([preprocess(Image.open(path)) for path in pictures])
    with torch.no_grad():
        images = theirs.encode_image(x_nchw, normalize=True)
        texts = theirs.encode_text(
            open_clip.get_tokenizer(f"local-dir:{folder}")(TEXTS), normalize=True
        )
    # Pillow rounds to whole grey levels between the two axes.
    torch.testing.assert_close(found, images @ texts.T, atol=5e-3, rtol=0)


def test_a_card_is_taken_with_its_weights(
    pictures: list[Path], shared_locations: Locations
) -> None:
    twin = BackboneRef(card="openclip_vit_b16_twin", weights="twin")
    found = similarities(twin, pictures, TEXTS, shared_locations)
    assert found.shape == (2, 3)
    assert found.abs().max() <= 1 + 1e-6
    torch.testing.assert_close(found[1:], similarities(twin, pictures[1:], TEXTS, shared_locations))
    assert not found.requires_grad


def test_the_notice_is_logged(
    pictures: list[Path], shared_locations: Locations, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        similarities(CLIP, pictures, TEXTS, shared_locations)
    assert NOTICE in caplog.text


def test_what_is_not_here_is_named(
    pictures: list[Path], tmp_path: Path, shared_locations: Locations
) -> None:
    with pytest.raises(WeightsError, match="holds no aligned towers"):
        similarities(tmp_path, pictures, TEXTS)
    with pytest.raises(ValueError, match="locations="):
        similarities(CLIP, pictures, TEXTS)
    with pytest.raises(DatasetError, match=r"none\.png"):
        similarities(CLIP, [tmp_path / "none.png"], TEXTS, shared_locations)
    with pytest.raises(ConfigError, match="text tower"):
        similarities(BackboneRef(card="resnet18_twin"), pictures, TEXTS, shared_locations)
