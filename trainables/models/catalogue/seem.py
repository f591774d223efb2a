"""The vision backbone of SEEM, with the stem for grey pictures as intended and as released."""

from __future__ import annotations

from dataclasses import replace

from trainables.models.card import IMAGENET_MEAN, IMAGENET_STD, TWIN, BackboneCard, WeightsSource

_STAGES = 4

SEEM_FOCAL_T = BackboneCard(
    name="seem_focal_t",
    title="SEEM Focal-T",
    family="seem",
    library="xenograft",
    architecture="FocalNet-T with depth-wise convolutions",
    dim=768,
    # SEEM segments larger pictures; studies of classification use it at 224.
    image_size_px=224,
    mean=IMAGENET_MEAN,
    std=IMAGENET_STD,
    interpolation="bicubic",
    params_m=29.9,
    stride_px=32,
    stages=tuple(f"layers.{i}.blocks" for i in range(_STAGES)),
    stem="patch_embed.proj",
    module="trainables.models.seem_backbone",
    output_blocks=_STAGES,
    sources=(
        WeightsSource(
            tag="coco_lvis",
            kind="hub",
            origin="xdecoder/SEEM",
            filename="seem_focalt_v0.pt",
            sha256=None,
            licence="Apache-2.0",
            trained_on="COCO and LVIS, segmentation and text",
            where="xdecoder/SEEM on the hub; published by the authors of SEEM",
            # The file is that of the whole model, with its text encoder and its decoder.
            prefix="backbone.",
            folder="seem_focal_t",
        ),
    ),
    default_weights="coco_lvis",
    twin="seem_focal_t_twin",
)

SEEM_FOCAL_T_TWIN = replace(
    SEEM_FOCAL_T,
    name="seem_focal_t_twin",
    title="SEEM Focal-T (twin)",
    dim=128,
    image_size_px=64,
    params_m=0.448,
    # Untrained layer scales of 1e-4 would switch the branches off.
    overrides={
        "embed_dim": 16,
        "depths": (1, 1, 2, 1),
        "drop_path_rate": 0.0,
        "layer_scale": 1.0,
    },
    sources=(),
    default_weights=TWIN,
    twin=None,
)

# The code of Pales Huix et al. (2024) rebuilds the stem for grey pictures without padding and norm;
# in colour both cards are the same network.
_RELEASED = {"bare_grey_stem": True}

SEEM_FOCAL_T_RELEASED = replace(
    SEEM_FOCAL_T,
    name="seem_focal_t_released",
    title="SEEM Focal-T (grey stem as released)",
    overrides=_RELEASED,
    twin="seem_focal_t_released_twin",
)

SEEM_FOCAL_T_RELEASED_TWIN = replace(
    SEEM_FOCAL_T_TWIN,
    name="seem_focal_t_released_twin",
    title="SEEM Focal-T (grey stem as released, twin)",
    overrides={**SEEM_FOCAL_T_TWIN.overrides, **_RELEASED},
)

CARDS = (SEEM_FOCAL_T, SEEM_FOCAL_T_TWIN, SEEM_FOCAL_T_RELEASED, SEEM_FOCAL_T_RELEASED_TWIN)
