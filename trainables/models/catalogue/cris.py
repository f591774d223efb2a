"""CRIS (Wang et al., CVPR 2022) on CLIP RN50, and its twin."""

from __future__ import annotations

from dataclasses import replace

from trainables.models.card import TWIN, WeightsSource
from trainables.models.catalogue.clip import CLIP_MEAN, CLIP_STD
from trainables.models.segmenter_card import SEGMENTERS, SegmenterCard, exported

CLIP_ONLY = "clip_rn50"
"""The tag of weights of CLIP's towers alone, the rest is drawn: not the published CRIS."""

CRIS = SegmenterCard(
    name="cris",
    title="CRIS",
    image_size_px=416,
    mean=CLIP_MEAN,
    std=CLIP_STD,
    # Of the original code, also in the selection by validation (Poudel et al., MIDL 2024, code).
    threshold=0.35,
    reads_text=True,
    context_length=77,
    params_m=146.8,
    module=f"{SEGMENTERS}.cris.network",
    frozen_encoders=False,
    sizes={
        "clip": {
            "embed_dim": 1024,
            "quick_gelu": True,
            "vision_cfg": {"image_size": 224, "layers": (3, 4, 6, 3), "width": 64},
            "text_cfg": {
                "context_length": 77,
                "vocab_size": 49408,
                "width": 512,
                "heads": 8,
                "layers": 12,
            },
        },
        "fpn_in": (512, 1024, 1024),
        "fpn_out": (256, 512, 1024),
        "num_layers": 3,
        "num_head": 8,
        "dim_ffn": 2048,
        "dropout": 0.2,
    },
    sources=(
        WeightsSource(
            tag="refcoco",
            kind="file",
            origin="",
            filename="cris_best.pth",
            sha256=None,
            licence="not stated by who published it",
            trained_on="RefCOCO, pictures with sentences that name one object, 416 px",
            where="an unofficial checkpoint linked in the issues of the CRIS repository",
            part="state_dict",
            prefix="module.",
        ),
        WeightsSource(
            tag=CLIP_ONLY,
            kind="hub",
            origin="timm/resnet50_clip.openai",
            filename="open_clip_model.safetensors",
            sha256=None,
            licence="MIT",
            trained_on="WIT, 400 million picture-text pairs, 224 px; nothing of CRIS's own parts",
            where="timm on the hub, in open_clip's layout; published by OpenAI",
        ),
        exported("net."),
    ),
    default_weights="refcoco",
    # The norm of the sentence sees one value per picture.
    least_batch=2,
    twin="cris_twin",
)

CRIS_TWIN = replace(
    CRIS,
    name="cris_twin",
    title="CRIS (twin)",
    image_size_px=96,
    params_m=3.9,
    module=f"{SEGMENTERS}.cris.twin",
    sizes={
        "clip": {
            "embed_dim": 64,
            "quick_gelu": True,
            "vision_cfg": {"image_size": 96, "layers": (1, 1, 1, 1), "width": 8},
            "text_cfg": {
                "context_length": 77,
                "vocab_size": 49408,
                "width": 64,
                "heads": 2,
                "layers": 2,
            },
        },
        "fpn_in": (64, 128, 64),
        "fpn_out": (32, 64, 64),
        "num_layers": 1,
        "num_head": 4,
        "dim_ffn": 128,
        "dropout": 0.1,
    },
    sources=(),
    default_weights=TWIN,
    twin=None,
)

CARDS = (CRIS, CRIS_TWIN)
