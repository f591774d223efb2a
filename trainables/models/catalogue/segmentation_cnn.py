"""U-Net, U-Net++ and DeepLabV3+ on a ResNet-50, and their twins.

Sizes are those of Poudel et al. (MIDL 2024), which are the library's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from trainables.config import BackboneRef
from trainables.models.card import IMAGENET_MEAN, IMAGENET_STD, RANDOM, TWIN
from trainables.models.segmenter_card import SEGMENTERS, SegmenterCard, exported

_IMAGENET = "imagenet1k_v1"

UNET = SegmenterCard(
    name="unet",
    title="U-Net",
    image_size_px=256,
    mean=IMAGENET_MEAN,
    std=IMAGENET_STD,
    threshold=0.5,
    reads_text=False,
    context_length=0,
    params_m=32.5,
    module=f"{SEGMENTERS}.cnn",
    frozen_encoders=False,
    sizes={"architecture": "Unet", "encoder_name": "resnet50"},
    sources=(exported("net."),),
    parts={
        _IMAGENET: (BackboneRef(card="resnet50", weights=_IMAGENET),),
        RANDOM: (BackboneRef(card="resnet50", weights=RANDOM),),
    },
    default_weights=_IMAGENET,
    package="segmentation_models_pytorch",
    twin="unet_twin",
)

UNETPP = replace(
    UNET,
    name="unetpp",
    title="U-Net++",
    params_m=49.0,
    sizes={"architecture": "UnetPlusPlus", "encoder_name": "resnet50"},
    twin="unetpp_twin",
)

DEEPLABV3PLUS = replace(
    UNET,
    name="deeplabv3plus",
    title="DeepLabV3+",
    params_m=26.7,
    sizes={"architecture": "DeepLabV3Plus", "encoder_name": "resnet50"},
    # A norm sees one value per picture, the mean over its map.
    least_batch=2,
    twin="deeplabv3plus_twin",
)

# The tiny ResNet-50 that other twins use, which the library gets from timm.
_TINY_ENCODER = {
    "encoder_name": "tu-resnet50",
    "layers": (1, 1, 1, 1),
    "channels": (16, 32, 64, 128),
    "zero_init_last": False,
}
_TINY_DECODER = {"decoder_channels": (32, 24, 16, 12, 8)}


def _twin(card: SegmenterCard, params_m: float, decoder: Mapping[str, object]) -> SegmenterCard:
    return replace(
        card,
        name=f"{card.name}_twin",
        title=f"{card.title} (twin)",
        image_size_px=64,
        params_m=params_m,
        sizes={"architecture": card.sizes["architecture"], **_TINY_ENCODER, **decoder},
        sources=(),
        parts={
            TWIN: (BackboneRef(card="resnet50_twin", weights=TWIN),),
            RANDOM: (BackboneRef(card="resnet50_twin", weights=RANDOM),),
        },
        default_weights=TWIN,
        twin=None,
    )


CARDS = (
    UNET,
    UNETPP,
    DEEPLABV3PLUS,
    _twin(UNET, 0.8, _TINY_DECODER),
    _twin(UNETPP, 2.2, _TINY_DECODER),
    _twin(DEEPLABV3PLUS, 0.6, {"decoder_channels": 32}),
)
