"""Untrained networks and pixels as features."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import open_clip
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from trainables import probe
from trainables.config import BackboneRef, DataRef
from trainables.context import Context, Locations
from trainables.data.open import open_split
from trainables.data.transforms import EvalTransform, TrainTransform
from trainables.engine.classifier_files import load_classifier
from trainables.engine.inputs import eval_transform
from trainables.errors import ConfigError, WeightsError
from trainables.features import frozen_features
from trainables.head_training import HeadTraining
from trainables.models.cards import get_backbone_card
from trainables.models.factory import create_backbone
from trainables.models.open_clip_conv_backbone import build
from trainables.models.weights import weights_status

PAPER = BackboneRef(card="pixels")
RELEASED = BackboneRef(card="pixels_released")
DATA = DataRef(name="uwaterloo_twin", limit=4)


def noise(h: int, w: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (2, 3, h, w), generator=generator, dtype=torch.uint8)


def with_pillow(picture: torch.Tensor, grey_first: bool) -> np.ndarray:
    image = Image.fromarray(picture.permute(1, 2, 0).numpy())
    if grey_first:
        made = image.convert("L").resize((28, 28), Image.Resampling.LANCZOS)
    else:
        made = image.resize((28, 28), Image.Resampling.LANCZOS).convert("L")
    return np.asarray(made, dtype=np.float32).reshape(-1)


@pytest.mark.parametrize("ref", [PAPER, RELEASED])
def test_pixels_are_grey_levels_as_pillow_makes_them(ref: BackboneRef) -> None:
    transform = eval_transform(ref, DATA, None).build()
    backbone = create_backbone(ref, None, 0)  # type: ignore[arg-type]
    pictures = noise(45, 61)
    feats = backbone(transform(pictures))
    expected = np.stack([with_pillow(p, ref == PAPER) for p in pictures])
    np.testing.assert_allclose(feats.numpy(), expected, atol=1e-3)
    one = backbone(transform(pictures[0])[None])
    torch.testing.assert_close(one, feats[:1])


def test_the_two_orders_differ_on_coloured_pictures() -> None:
    made = [eval_transform(ref, DATA, None).build()(noise(45, 61)) for ref in (PAPER, RELEASED)]
    assert 0 < (made[0] - made[1]).abs().max() <= 60


def test_pixels_are_read_by_a_probe_and_saved_with_it(
    shared_locations: Locations, tmp_path: Path
) -> None:
    context = Context.local(tmp_path, shared_locations, seed=1)
    training = HeadTraining(epochs=2, batch_size=4)
    config = probe.Config(
        backbone=PAPER,
        data=DATA,
        fit="paper",
        training=training,
        columns=768,
        column_choice="first",
    )
    probe.run(config, context)
    model, spec = load_classifier(context.artifacts, shared_locations)
    images = open_split(DATA, "test", context)
    written = pq.read_table(context.artifacts / "predictions.parquet")["logits"].to_pylist()
    with torch.no_grad():
        logits = model(spec.transform.build()(images.images(range(len(images)))))
    torch.testing.assert_close(logits, torch.tensor(written), atol=1e-5, rtol=1e-4)
    # The last 16 of 784 are not seen.
    assert not model.head.weight[:, 768:].any()
    assert model.head.weight[:, :768].all()


def test_pixels_do_not_depend_on_the_seed(shared_locations: Locations, tmp_path: Path) -> None:
    images = open_split(DATA, "val", Context.local(tmp_path, shared_locations))
    feats = [
        frozen_features(
            PAPER,
            images,
            eval_transform(PAPER, DATA, None),
            Context.local(tmp_path, shared_locations, seed=seed),
        )
        for seed in (1, 2)
    ]
    assert torch.equal(*feats)
    assert feats[0].min() >= 0
    assert 100 < feats[0].max() <= 255


@pytest.mark.parametrize("card", ["pixels", "untrained_vit_l14", "untrained_convnext_l"])
def test_what_is_untrained_has_random_weights_only(card: str, locations: Locations) -> None:
    assert get_backbone_card(card).tags == ("random",)
    with pytest.raises(WeightsError, match="has no weights 'twin'"):
        weights_status(BackboneRef(card=card, weights="twin"), locations)


def test_untrained_networks_differ_between_replicates_only(
    shared_locations: Locations, tmp_path: Path
) -> None:
    ref = BackboneRef(card="untrained_convnext_twin")
    transform = eval_transform(ref, DATA, None)

    def feats(seed: int, final: bool) -> torch.Tensor:
        context = Context.local(tmp_path, shared_locations, seed=seed, final=final)
        return frozen_features(ref, open_split(DATA, "val", context), transform, context)

    assert torch.equal(feats(1, final=False), feats(2, final=False))
    assert not torch.equal(feats(1, final=True), feats(2, final=True))
    assert torch.equal(feats(1, final=True), feats(1, final=True))


def test_the_conv_net_is_open_clips_tower() -> None:
    card = get_backbone_card("untrained_convnext_l")
    config = open_clip.get_model_config("convnext_large_d_320")
    config["vision_cfg"]["timm_model_name"] = "test_convnext"
    config["text_cfg"] = {"width": 32, "heads": 2, "layers": 1}
    torch.manual_seed(0)
    theirs = open_clip.CLIP(**config).visual.eval()
    ours = build(dataclasses.replace(card, architecture="test_convnext"), 64).eval()
    ours.trunk.load_state_dict(theirs.state_dict())
    x_nchw = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(ours(x_nchw), theirs(x_nchw))


def test_grey_pictures_keep_their_levels() -> None:
    level = torch.full((3, 20, 30), 77, dtype=torch.uint8)
    made = EvalTransform(size_px=10, mean=(0, 0, 0), std=(1, 1, 1), grey="last").build()(level)
    torch.testing.assert_close(made, torch.full((3, 10, 10), 77 / 255))


def test_lanczos_is_refused_for_random_changes() -> None:
    with pytest.raises(ConfigError, match="bilinear or bicubic"):
        TrainTransform(size_px=10, mean=(0,), std=(1,), interpolation="lanczos")
