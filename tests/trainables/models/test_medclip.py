"""MedCLIP's image tower: the authors' layout, against timm's Swin."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import timm
import torch
from torch import Tensor

from trainables.config import BackboneRef, DataRef
from trainables.context import Locations
from trainables.engine.inputs import eval_transform
from trainables.errors import WeightsError
from trainables.models import medclip_backbone
from trainables.models.cards import get_backbone_card
from trainables.models.factory import create_backbone

SMALL = dataclasses.replace(
    get_backbone_card("medclip"),
    dim=10,
    image_size_px=64,
    overrides={"embed_dim": 24, "depths": (1, 2, 1), "num_heads": (2, 4, 8), "window_size": 4},
)
# From timm's names to those of transformers 4, which the authors saved.
NAMES = {
    "patch_embed.proj": "embeddings.patch_embeddings.projection",
    "patch_embed.norm": "embeddings.norm",
    "norm1": "layernorm_before",
    "norm2": "layernorm_after",
    "attn.proj": "attention.output.dense",
    "mlp.fc1": "intermediate.dense",
    "mlp.fc2": "output.dense",
    "attn.relative_position_bias_table": "attention.self.relative_position_bias_table",
}


@pytest.fixture
def swin() -> torch.nn.Module:
    torch.manual_seed(0)
    model = timm.create_model(
        "swin_tiny_patch4_window7_224", num_classes=0, img_size=64, window_size=4,
        embed_dim=24, depths=(1, 2, 1), num_heads=(2, 4, 8),
    )  # fmt: skip
    for name, parameter in model.named_parameters():
        if "table" in name or "bias" in name:
            torch.nn.init.normal_(parameter)
    return model.eval()


def authors_names(swin: torch.nn.Module) -> dict[str, Tensor]:
    found = {}
    for key, tensor in swin.state_dict().items():
        name = key
        if name.startswith("layers."):
            # timm starts a stage with the merging that ends the one before.
            stage, rest = int(name.split(".")[1]), name.split(".", 2)[2]
            stage -= rest.startswith("downsample")
            name = f"encoder.layers.{stage}.{rest}"
        elif name.startswith("norm."):
            name = f"layernorm.{name.removeprefix('norm.')}"
        for old, new in NAMES.items():
            name = name.replace(old, new)
        if "attn.qkv" in name:
            for which, part in zip(("query", "key", "value"), tensor.chunk(3), strict=True):
                found[name.replace("attn.qkv", f"attention.self.{which}")] = part.clone()
        else:
            found[name] = tensor
    return found


@pytest.fixture
def file(swin: torch.nn.Module, tmp_path: Path) -> Path:
    state = {f"vision_model.model.{name}": t for name, t in authors_names(swin).items()}
    state["vision_model.model.encoder.layers.0.blocks.0.attention.self.relative_position_index"] = (
        torch.zeros(16, 16, dtype=torch.long)
    )
    state["vision_model.projection_head.weight"] = torch.randn(10, 96)
    state |= {"logit_scale": torch.tensor(2.6), "text_model.projection_head.weight": torch.ones(2)}
    path = tmp_path / "pytorch_model.bin"
    torch.save(state, path)
    return path


def test_features_are_those_of_the_network_it_was_taken_from(
    swin: torch.nn.Module, file: Path
) -> None:
    backbone = medclip_backbone.build(SMALL, 64).eval()
    medclip_backbone.load(backbone, SMALL.sources[0], file)
    x_nchw = torch.randn(2, 3, 64, 64)
    projection = torch.load(file, weights_only=True)["vision_model.projection_head.weight"]
    with torch.no_grad():
        expected = swin(x_nchw) @ projection.T
        features = backbone.features(x_nchw)
    torch.testing.assert_close(features.pooled_nd, expected, atol=1e-4, rtol=1e-4)
    assert features.tokens_ntd is not None
    assert features.tokens_ntd.shape == (2, 16, 96)


def test_a_missing_matrix_is_named(file: Path) -> None:
    state = torch.load(file, weights_only=True)
    del state["vision_model.model.encoder.layers.1.blocks.1.attention.self.value.weight"]
    torch.save(state, file)
    backbone = medclip_backbone.build(SMALL, 64)
    with pytest.raises(WeightsError, match=r"1\.blocks\.1\.attention\.v_proj\.weight missing"):
        medclip_backbone.load(backbone, SMALL.sources[0], file)


def test_pictures_are_grey_and_padded_with_black() -> None:
    ref = BackboneRef(card="medclip", weights="mimic_chexpert")
    transform = eval_transform(ref, DataRef(name="fundus"), None, resize="pad")
    picture = torch.zeros(3, 100, 300, dtype=torch.uint8)
    picture[0] = 200
    made = transform.build()(picture)
    assert made.shape == (3, 224, 224)
    assert torch.equal(made[0], made[1])
    black, red = -SMALL.mean[0] / SMALL.std[0], (60 / 255 - SMALL.mean[0]) / SMALL.std[0]
    assert float(made[0, 0, 112]) == pytest.approx(black, abs=1e-3)
    assert float(made[0, 112, 0]) == pytest.approx(red, abs=1e-3)
    small = transform.build()(picture[:, :50, :100])
    # Nothing is enlarged: the picture keeps its size in the middle.
    assert int((small[0] > black + 0.1).sum()) == 50 * 100


def test_one_channel_can_be_fed(locations: Locations) -> None:
    backbone = create_backbone(BackboneRef(card="medclip_twin"), locations, 0, in_chans=1)
    assert backbone(torch.zeros(1, 1, 64, 64)).shape == (1, 64)
