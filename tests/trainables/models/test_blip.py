"""BLIP's image tower: against transformers, and the two readings of its pooled feature."""

import dataclasses
from pathlib import Path

import pytest
import torch
from transformers import BlipVisionConfig, BlipVisionModel

from trainables.models import blip_backbone, blip_released_backbone
from trainables.models.cards import get_backbone_card

SOURCE = get_backbone_card("blip_base").sources[0]
TINY = dataclasses.replace(
    get_backbone_card("blip_base_twin"),
    dim=48,
    overrides={"patch_size": 8, "embed_dim": 48, "depth": 2, "num_heads": 3},
)
_THEIR_NAMES = {
    "embeddings.class_embedding": "cls_token",
    "embeddings.position_embedding": "pos_embed",
    "embeddings.patch_embedding": "patch_embed.proj",
    "encoder.layers.": "blocks.",
    "self_attn.qkv": "attn.qkv",
    "self_attn.projection": "attn.proj",
    "post_layernorm": "norm",
    "layer_norm": "norm",
}


@pytest.fixture
def their_model() -> BlipVisionModel:
    config = BlipVisionConfig(
        hidden_size=48,
        intermediate_size=192,
        num_hidden_layers=2,
        num_attention_heads=3,
        image_size=64,
        patch_size=8,
        layer_norm_eps=1e-6,
    )
    model = BlipVisionModel(config).eval()
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.2 * torch.randn(parameter.shape, generator=generator))
    return model


@pytest.fixture
def path(their_model: BlipVisionModel, tmp_path: Path) -> Path:
    """The tensors as the authors name them, beside a momentum copy of other numbers."""
    state = {}
    for name, tensor in their_model.state_dict().items():
        for theirs, published in _THEIR_NAMES.items():
            name = name.replace(theirs, published)
        state[f"visual_encoder.{name}"] = tensor
        state[f"visual_encoder_m.{name}"] = torch.zeros_like(tensor)
    torch.save({"model": state, "epoch": 19}, tmp_path / "model_base.pth")
    return tmp_path / "model_base.pth"


def _features(module, path: Path, x_nchw: torch.Tensor):
    backbone = module.build(TINY, 64).eval()
    module.load(backbone, SOURCE, path)
    with torch.inference_mode():
        return backbone.features(x_nchw)


def test_published_tensors_give_the_features_of_transformers(their_model, path):
    x_nchw = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        normed_ntd = their_model(x_nchw).last_hidden_state
    for module, token in ((blip_backbone, 0), (blip_released_backbone, 1)):
        features = _features(module, path, x_nchw)
        torch.testing.assert_close(features.tokens_ntd, normed_ntd[:, 1:], atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(features.pooled_nd, normed_ntd[:, token], atol=1e-5, rtol=1e-5)


def test_readings_differ(path):
    x_nchw = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    right, released = (_features(m, path, x_nchw) for m in (blip_backbone, blip_released_backbone))
    assert torch.equal(released.pooled_nd, released.tokens_ntd[:, 0])
    assert not torch.allclose(right.pooled_nd, released.pooled_nd)
