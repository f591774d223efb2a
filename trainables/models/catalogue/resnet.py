"""ResNet-18, 50 and 152 and their twins."""

from __future__ import annotations

from dataclasses import replace

from trainables.models.card import IMAGENET_MEAN, IMAGENET_STD, TWIN, BackboneCard, WeightsSource

_STAGES = ("layer1", "layer2", "layer3", "layer4")


def _source(architecture: str, torchvision_hash: str) -> WeightsSource:
    return WeightsSource(
        tag="imagenet1k_v1",
        kind="hub",
        origin=f"timm/{architecture}.tv_in1k",
        filename="model.safetensors",
        sha256=None,
        licence="BSD-3-Clause",
        trained_on="ImageNet-1k, 224 px, supervised",
        # Not IMAGENET1K_V2 and not timm's default a1_in1k: other training, other features.
        where="timm on the hub; the weights torchvision calls IMAGENET1K_V1",
        authors_file=f"{architecture}-{torchvision_hash}.pth",
    )


RESNET50 = BackboneCard(
    name="resnet50",
    title="ResNet-50",
    family="resnet",
    library="timm",
    architecture="resnet50",
    dim=2048,
    image_size_px=224,
    mean=IMAGENET_MEAN,
    std=IMAGENET_STD,
    interpolation="bilinear",
    params_m=23.5,
    stride_px=32,
    stages=_STAGES,
    stem="conv1",
    module="trainables.models.timm_backbone",
    # torchvision, whose ResNet the papers start from, leaves the last scale of a block at one.
    overrides={"zero_init_last": False},
    ignored_keys=("fc.weight", "fc.bias"),
    transfer_groups=(("conv1",), ("bn1",), *((stage,) for stage in _STAGES)),
    sources=(_source("resnet50", "0676ba61"),),
    default_weights="imagenet1k_v1",
    twin="resnet50_twin",
)

RESNET18 = replace(
    RESNET50,
    name="resnet18",
    title="ResNet-18",
    architecture="resnet18",
    dim=512,
    params_m=11.2,
    sources=(_source("resnet18", "f37072fd"),),
    twin="resnet18_twin",
)

RESNET152 = replace(
    RESNET50,
    name="resnet152",
    title="ResNet-152",
    architecture="resnet152",
    params_m=58.1,
    sources=(_source("resnet152", "394f9c45"),),
    twin="resnet152_twin",
)

RESNET50_TWIN = replace(
    RESNET50,
    name="resnet50_twin",
    title="ResNet-50 (twin)",
    dim=512,
    image_size_px=64,
    params_m=0.51,
    overrides={"layers": (1, 1, 1, 1), "channels": (16, 32, 64, 128), "zero_init_last": False},
    ignored_keys=(),
    sources=(),
    default_weights=TWIN,
    twin=None,
)

RESNET18_TWIN = replace(
    RESNET50_TWIN,
    name="resnet18_twin",
    title="ResNet-18 (twin)",
    architecture="resnet18",
    dim=128,
    params_m=0.32,
)

RESNET152_TWIN = replace(
    RESNET50_TWIN,
    name="resnet152_twin",
    title="ResNet-152 (twin)",
    architecture="resnet152",
    params_m=0.67,
    overrides={"layers": (1, 2, 3, 1), "channels": (16, 32, 64, 128), "zero_init_last": False},
)

CARDS = (RESNET50, RESNET18, RESNET152, RESNET50_TWIN, RESNET18_TWIN, RESNET152_TWIN)
