"""CLIPSeg (Lueddecke & Ecker, CVPR 2022), refined, and its twin."""

from __future__ import annotations

from dataclasses import replace

from trainables.models.card import IMAGENET_MEAN, IMAGENET_STD, TWIN, WeightsSource
from trainables.models.segmenter_card import SEGMENTERS, SegmenterCard, exported

CLIPSEG = SegmenterCard(
    name="clipseg",
    title="CLIPSeg",
    image_size_px=352,
    mean=IMAGENET_MEAN,
    std=IMAGENET_STD,
    threshold=0.5,
    reads_text=True,
    context_length=77,
    params_m=150.7,
    module=f"{SEGMENTERS}.clipseg",
    frozen_encoders=True,
    # The library's own patches are 32 px, and its upsampling is one step.
    sizes={
        "vision_config": {"patch_size": 16},
        "use_complex_transposed_convolution": True,
    },
    sources=(
        WeightsSource(
            tag="rd64_refined",
            kind="hub",
            origin="CIDAS/clipseg-rd64-refined",
            filename="model.safetensors",
            sha256=None,
            licence="Apache-2.0",
            trained_on="PhraseCut and negatives of it, on CLIP ViT-B/16 by OpenAI",
            where="CIDAS on the hub, under the names of transformers",
            authors_file="pytorch_model.bin",
        ),
        exported("net.clipseg."),
    ),
    default_weights="rd64_refined",
    # Buffers that older versions of the library saved.
    ignored_keys=(
        "clip.text_model.embeddings.position_ids",
        "clip.vision_model.embeddings.position_ids",
    ),
    twin="clipseg_twin",
)

CLIPSEG_TWIN = replace(
    CLIPSEG,
    name="clipseg_twin",
    title="CLIPSeg (twin)",
    image_size_px=64,
    module=f"{SEGMENTERS}.clipseg_twin",
    params_m=3.8,
    sizes={
        "vision_config": {
            "image_size": 64,
            "patch_size": 8,
            "hidden_size": 96,
            "intermediate_size": 384,
            "num_hidden_layers": 3,
            "num_attention_heads": 3,
        },
        "text_config": {
            "hidden_size": 64,
            "intermediate_size": 256,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
        },
        "projection_dim": 64,
        "reduce_dim": 32,
        "extract_layers": (0, 1, 2),
        "decoder_num_attention_heads": 2,
        "decoder_intermediate_size": 128,
    },
    sources=(),
    default_weights=TWIN,
    ignored_keys=(),
    twin=None,
)

CARDS = (CLIPSEG, CLIPSEG_TWIN)
