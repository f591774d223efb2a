"""Architectures at full size, on the meta device: shapes without memory or time."""

import importlib

import pytest
import torch

from trainables.models.cards import BACKBONE_CARDS, get_backbone_card


def build_on_meta(name: str, image_size_px: int | None = None):
    card = get_backbone_card(name)
    with torch.device("meta"):
        return importlib.import_module(card.module).build(card, image_size_px or card.image_size_px)


# Counted from the papers' own code; EfficientNet-Lite0: 4,652,008 with its classifier of
# 1280 x 1000 + 1000.
@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("resnet50", 23_508_032),
        ("resnet18", 11_176_512),
        ("resnet152", 58_143_808),
        ("inception_v3", 21_785_568),
        ("deit_s", 21_665_664),
        ("deit_t", 5_524_416),
        ("deit_b", 85_798_656),
        ("deit_s5", 9_244_416),
        ("swin_t", 27_519_354),
        ("swin_s", 48_837_258),
        ("swin_b", 86_743_224),
        ("dinov2_vit_b14", 85_724_928),
        ("clip_vit_b16", 86_192_640),
        ("openclip_vit_b16", 86_192_640),
        ("biomed_clip", 85_798_656 + 768 * 512),
        ("pubmed_clip", 87_849_216),
        ("clip_vit_l14", 303_966_208),
        ("openclip_vit_l14", 303_966_208),
        ("whylesionclip", 303_966_208),
        ("whyxrayclip", 303_966_208),
        ("pmc_clip", 303_966_208),
        ("untrained_vit_l14", 303_966_208),
        # 196,230,336 of ConvNeXt-L and 1536 x 1536 + 1536 + 1536 x 768.
        ("untrained_convnext_l", 196_230_336 + 3_540_480),
        # torchvision's 6,953,856 without its classifier, with one input channel.
        ("densenet121_xray", 6_953_856 - 2 * 64 * 49),
        ("medclip", 27_519_354 + 768 * 512),
        ("densenet121_skin", 6_953_856 - 2 * 64 * 49),
        ("sam_vit_b", 85_837_056),
        ("blip_base", 85_798_656),
        ("blip_base_released", 85_798_656),
        ("dino_vit_b16", 85_798_656),
        ("efficientnet_lite0", 4_652_008 - 1_281_000),
        ("seem_focal_t", 29_922_288),
        ("seem_focal_t_released", 29_922_288),
    ],
)
def test_parameters_match_the_publication(name, params):
    backbone = build_on_meta(name)
    assert sum(p.numel() for p in backbone.parameters()) == params
    assert params / 1e6 == pytest.approx(backbone.card.params_m, abs=0.06)


def test_dinov2_at_its_own_size_has_all_positions():
    positions = build_on_meta("dinov2_vit_b14", 518).trunk.pos_embed
    assert positions.shape == (1, 37 * 37 + 1, 768)


@pytest.mark.parametrize(
    ("name", "n_blocks"),
    [
        ("resnet50", 16),
        ("deit_s", 12),
        ("deit_s5", 5),
        ("swin_t", 12),
        ("inception_v3", 11),
        ("dinov2_vit_b14", 12),
        ("clip_vit_b16", 12),
    ],
)
def test_blocks_are_the_residual_blocks(name, n_blocks):
    assert len(build_on_meta(name).blocks()) == n_blocks


@pytest.mark.parametrize(
    "name", [name for name, card in BACKBONE_CARDS.items() if not card.is_twin and card.stem]
)
def test_width_and_stem_are_the_card_s(name):
    backbone = build_on_meta(name)
    in_channels = 1 if backbone.card.averages else 3
    assert backbone.trunk.get_submodule(backbone.card.stem).in_channels == in_channels
    x_nchw = torch.empty(1, 3, backbone.image_size_px, backbone.image_size_px, device="meta")
    assert backbone(x_nchw).shape == (1, backbone.dim)
