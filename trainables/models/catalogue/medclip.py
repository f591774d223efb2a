"""The image tower of MedCLIP (Wang et al., EMNLP 2022), and its twin."""

from __future__ import annotations

from dataclasses import replace

from trainables.models.card import TWIN, BackboneCard, WeightsSource

_MEAN, _STD = 0.5862785803043838, 0.27950088968644304

MEDCLIP = BackboneCard(
    name="medclip",
    title="MedCLIP Swin-T",
    family="medclip",
    library="transformers",
    architecture="swin-tiny-patch4-window7-224",
    dim=512,
    image_size_px=224,
    mean=(_MEAN, _MEAN, _MEAN),
    std=(_STD, _STD, _STD),
    interpolation="bicubic",
    params_m=27.9,
    stride_px=32,
    stages=tuple(f"model.encoder.layers.{i}.blocks" for i in range(4)),
    stem="model.embeddings.patch_embeddings.projection",
    module="trainables.models.medclip_backbone",
    grey="first",
    overrides={
        "embed_dim": 96,
        "depths": (2, 2, 6, 2),
        "num_heads": (3, 6, 12, 24),
        "window_size": 7,
    },
    sources=(
        WeightsSource(
            tag="mimic_chexpert",
            kind="file",
            origin="",
            filename="pytorch_model.bin",
            sha256=None,
            licence="see the MedCLIP repository",
            trained_on="MIMIC-CXR and CheXpert, radiographs and reports, contrastive",
            where="pytorch_model.bin of medclip-vit-pretrained.zip, which the MedCLIP repository "
            "fetches",
            prefix="vision_model.",
        ),
    ),
    default_weights="mimic_chexpert",
    twin="medclip_twin",
)

MEDCLIP_TWIN = replace(
    MEDCLIP,
    name="medclip_twin",
    title="MedCLIP Swin-T (twin)",
    dim=64,
    image_size_px=64,
    params_m=0.18,
    stride_px=16,
    stages=tuple(f"model.encoder.layers.{i}.blocks" for i in range(3)),
    overrides={"embed_dim": 24, "depths": (1, 1, 1), "num_heads": (2, 4, 8), "window_size": 4},
    sources=(),
    default_weights=TWIN,
    twin=None,
)

CARDS = (MEDCLIP, MEDCLIP_TWIN)
