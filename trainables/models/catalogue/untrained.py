"""What needs no training to give features (Yang et al., NeurIPS 2024, section 3, appendix C.1).

Networks as open_clip draws them, with the mean and sd it takes when no weights are named; and the
grey levels of pictures of 28 x 28 px.
"""

from __future__ import annotations

from dataclasses import replace

from trainables.models.card import RANDOM, TWIN, BackboneCard
from trainables.models.catalogue.clip import CLIP_MEAN, CLIP_STD
from trainables.models.catalogue.clip_large import CLIP_VIT_L14

UNTRAINED_VIT_L14 = replace(
    CLIP_VIT_L14,
    name="untrained_vit_l14",
    title="ViT-L/14, untrained",
    architecture="ViT-L-14",
    untrained=True,
    sources=(),
    default_weights=RANDOM,
    twin="openclip_vit_b16_twin",
)

UNTRAINED_CONVNEXT_L = BackboneCard(
    name="untrained_convnext_l",
    title="ConvNeXt-L, untrained",
    family="clip_convnext",
    library="open_clip",
    # The tower of open_clip's convnext_large_d_320.
    architecture="convnext_large",
    dim=768,
    image_size_px=320,
    mean=CLIP_MEAN,
    std=CLIP_STD,
    interpolation="bicubic",
    params_m=199.8,
    stride_px=32,
    stages=tuple(f"trunk.stages.{i}.blocks" for i in range(4)),
    stem="trunk.stem.0",
    module="trainables.models.open_clip_conv_backbone",
    untrained=True,
    default_weights=RANDOM,
    twin="untrained_convnext_twin",
)

UNTRAINED_CONVNEXT_TWIN = replace(
    UNTRAINED_CONVNEXT_L,
    name="untrained_convnext_twin",
    title="ConvNeXt-L, untrained (twin)",
    architecture="test_convnext",
    dim=64,
    image_size_px=64,
    params_m=0.22,
    untrained=False,
    default_weights=TWIN,
    twin=None,
)

PIXELS = BackboneCard(
    name="pixels",
    title="Pixel values",
    family="pixels",
    library="xenograft",
    architecture="pixels",
    dim=784,
    image_size_px=28,
    # Grey levels from 0 to 255, as they are.
    mean=(0.0, 0.0, 0.0),
    std=(1 / 255, 1 / 255, 1 / 255),
    interpolation="lanczos",
    params_m=0.0,
    stride_px=1,
    stages=(),
    stem="",
    module="trainables.models.pixel_backbone",
    grey="first",
    untrained=True,
    default_weights=RANDOM,
)

# The released code makes pictures grey after resizing them.
PIXELS_RELEASED = replace(
    PIXELS, name="pixels_released", title="Pixel values, as released", grey="last"
)

CARDS = (
    UNTRAINED_VIT_L14,
    UNTRAINED_CONVNEXT_L,
    UNTRAINED_CONVNEXT_TWIN,
    PIXELS,
    PIXELS_RELEASED,
)
