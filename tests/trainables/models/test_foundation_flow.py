"""What flows from backbones to heads: which token is pooled, which are normalised, how many."""

import importlib

import pytest
import torch
from torch import nn

from trainables.config import BackboneRef
from trainables.models.cards import get_backbone_card
from trainables.models.factory import create_backbone


def on_meta(name: str):
    card = get_backbone_card(name)
    with torch.device("meta"):
        return importlib.import_module(card.module).build(card, 224)


# Palés Huix et al. 2024, at 224 px; their code's two heads read these.
@pytest.mark.parametrize(
    ("name", "pooled", "tokens"),
    [
        ("sam_vit_b", 768, (196, 768)),
        ("dinov2_vit_b14", 768, (256, 768)),
        ("blip_base", 768, (196, 768)),
        ("blip_base_released", 768, (196, 768)),
        ("openclip_vit_b16", 512, (196, 768)),
        ("dino_vit_b16", 768, (196, 768)),
        ("deit_b", 768, (196, 768)),
        ("resnet152", 2048, (49, 2048)),
    ],
)
def test_sizes_are_those_of_the_paper(name, pooled, tokens):
    features = on_meta(name).features(torch.empty(1, 3, 224, 224, device="meta"))
    assert features.pooled_nd.shape == (1, pooled)
    assert features.tokens_ntd.shape == (1, *tokens)


@pytest.mark.parametrize(
    ("name", "removed"),
    [
        ("sam_vit_b", 393_216),
        ("blip_base", 393_216),
        ("openclip_vit_b16", 393_216),
        ("dino_vit_b16", 393_216),
        ("dinov2_vit_b14", 301_056),
        ("resnet152", 6_272),
    ],
)
def test_one_channel_removes_two_thirds_of_the_stem(name, removed):
    backbone = on_meta(name)
    before = sum(p.numel() for p in backbone.parameters())
    backbone.adapt_stem(1, pretrained=True)
    assert before - sum(p.numel() for p in backbone.parameters()) == removed


@pytest.mark.parametrize("name", ["sam_vit_b", "blip_base", "dino_vit_b16", "deit_b"])
def test_norms_divide_by_the_authors_epsilon(name):
    norms = [m for m in on_meta(name).modules() if isinstance(m, nn.LayerNorm)]
    assert {norm.eps for norm in norms} == {1e-6}


def last_output(name: str, locations):
    """Return features and the last block's output, places in one row, of a twin whose norms act."""
    backbone = create_backbone(BackboneRef(card=name), locations, seed=0).eval()
    for module in backbone.modules():
        if isinstance(module, nn.LayerNorm):
            nn.init.normal_(module.weight)
            nn.init.normal_(module.bias)
    seen = []
    backbone.blocks()[-1][1].register_forward_hook(lambda _m, _i, out: seen.append(out))
    side = backbone.image_size_px
    x_nchw = torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        features = backbone.features(x_nchw)
        [output] = seen
        return backbone.trunk, x_nchw, features, output.flatten(1, -2)


@pytest.mark.parametrize(
    "name", ["deit_b_twin", "dino_vit_b16_twin", "dinov2_vit_b14_twin", "openclip_vit_b16_twin"]
)
def test_tokens_are_those_before_the_final_norm_without_the_class_token(name, locations):
    _, _, features, output_ntd = last_output(name, locations)
    assert torch.equal(features.tokens_ntd, output_ntd[:, 1:])


@pytest.mark.parametrize("name", ["deit_b_twin", "dino_vit_b16_twin", "dinov2_vit_b14_twin"])
def test_pooled_is_the_normalised_class_token(name, locations):
    trunk, _, features, output_ntd = last_output(name, locations)
    torch.testing.assert_close(features.pooled_nd, trunk.norm(output_ntd[:, 0]))


def test_sam_has_no_final_norm_and_pools_by_the_mean(locations):
    _, _, features, output_ntd = last_output("sam_vit_b_twin", locations)
    torch.testing.assert_close(features.tokens_ntd, output_ntd)
    torch.testing.assert_close(features.pooled_nd, output_ntd.mean(dim=1))


@pytest.mark.parametrize(("name", "token"), [("blip_base_twin", 0), ("blip_base_released_twin", 1)])
def test_blip_normalises_its_tokens_and_pools_one_of_them(name, token, locations):
    trunk, _, features, output_ntd = last_output(name, locations)
    normed_ntd = trunk.norm(output_ntd)
    torch.testing.assert_close(features.tokens_ntd, normed_ntd[:, 1:])
    torch.testing.assert_close(features.pooled_nd, normed_ntd[:, token])


def test_openclip_projects_the_normalised_class_token(locations):
    trunk, x_nchw, features, output_ntd = last_output("openclip_vit_b16_twin", locations)
    by_hand_nd = trunk.ln_post(output_ntd[:, 0]) @ trunk.proj
    torch.testing.assert_close(features.pooled_nd, by_hand_nd)
    torch.testing.assert_close(features.pooled_nd, trunk(x_nchw))


def test_openclip_is_trained_with_plain_gelu(locations):
    backbone = create_backbone(BackboneRef(card="openclip_vit_b16_twin"), locations, seed=0)
    assert type(backbone.trunk.transformer.resblocks[0].mlp.gelu) is nn.GELU
