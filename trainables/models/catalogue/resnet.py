"""ResNet-50 and its twin."""

from __future__ import annotations

from trainables.models.card import IMAGENET_MEAN, IMAGENET_STD, TWIN, BackboneCard, WeightsSource

_STAGES = ("layer1", "layer2", "layer3", "layer4")

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
    sources=(
        WeightsSource(
            tag="imagenet1k_v1",
            kind="hub",
            origin="timm/resnet50.tv_in1k",
            filename="model.safetensors",
            sha256=None,
            licence="BSD-3-Clause",
            trained_on="ImageNet-1k, 224 px, supervised",
            # Not IMAGENET1K_V2 and not timm's default a1_in1k: other training, other features.
            where="timm on the hub; the weights torchvision calls IMAGENET1K_V1",
        ),
    ),
    default_weights="imagenet1k_v1",
    twin="resnet50_twin",
)

RESNET50_TWIN = BackboneCard(
    name="resnet50_twin",
    title="ResNet-50 (twin)",
    family="resnet",
    library="timm",
    architecture="resnet50",
    dim=512,
    image_size_px=64,
    mean=IMAGENET_MEAN,
    std=IMAGENET_STD,
    interpolation="bilinear",
    params_m=0.51,
    stride_px=32,
    stages=_STAGES,
    stem="conv1",
    module="trainables.models.timm_backbone",
    overrides={"layers": (1, 1, 1, 1), "channels": (16, 32, 64, 128), "zero_init_last": False},
    default_weights=TWIN,
)

CARDS = (RESNET50, RESNET50_TWIN)
