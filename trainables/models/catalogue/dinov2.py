"""DINOv2: ViT-B/14 as timm builds it, ViT-S/14 as transformers does, and their twins."""

from __future__ import annotations

from trainables.models.card import IMAGENET_MEAN, IMAGENET_STD, TWIN, BackboneCard, WeightsSource

DINOV2_VIT_B14 = BackboneCard(
    name="dinov2_vit_b14",
    title="DINOv2 ViT-B/14",
    family="dinov2",
    library="timm",
    architecture="vit_base_patch14_dinov2",
    dim=768,
    # Trained last at 518 px; studies use it at 224, as its authors do for classification.
    image_size_px=224,
    mean=IMAGENET_MEAN,
    std=IMAGENET_STD,
    interpolation="bicubic",
    params_m=85.7,
    stride_px=14,
    stages=("blocks",),
    stem="patch_embed.proj",
    module="trainables.models.timm_backbone",
    position_resize="dinov2",
    output_blocks=12,
    # The authors' own file carries the token of masked pre-training, the hub's does not.
    ignored_keys=("mask_token",),
    sources=(
        WeightsSource(
            tag="lvd142m",
            kind="hub",
            origin="timm/vit_base_patch14_dinov2.lvd142m",
            filename="model.safetensors",
            sha256=None,
            licence="Apache-2.0",
            trained_on="LVD-142M, up to 518 px, self-supervised",
            where="timm on the hub; published by the authors of DINOv2",
            authors_file="dinov2_vitb14_pretrain.pth",
        ),
    ),
    default_weights="lvd142m",
    twin="dinov2_vit_b14_twin",
)

DINOV2_VIT_B14_TWIN = BackboneCard(
    name="dinov2_vit_b14_twin",
    title="DINOv2 ViT-B/14 (twin)",
    family="dinov2",
    library="timm",
    architecture="vit_base_patch14_dinov2",
    dim=96,
    image_size_px=70,
    mean=IMAGENET_MEAN,
    std=IMAGENET_STD,
    interpolation="bicubic",
    params_m=0.51,
    stride_px=14,
    stages=("blocks",),
    stem="patch_embed.proj",
    module="trainables.models.timm_backbone",
    position_resize="dinov2",
    output_blocks=4,
    # Untrained layer scales of 1e-5 would keep the picture out of the class token.
    overrides={"embed_dim": 96, "depth": 4, "num_heads": 3, "init_values": 1.0},
    default_weights=TWIN,
)

DINOV2_VIT_S14 = BackboneCard(
    name="dinov2_vit_s14",
    title="DINOv2 ViT-S/14",
    family="dinov2_transformers",
    library="transformers",
    architecture="Dinov2Model",
    dim=384,
    image_size_px=224,
    mean=IMAGENET_MEAN,
    std=IMAGENET_STD,
    interpolation="bicubic",
    params_m=21.6,
    stride_px=14,
    stages=("encoder.layer",),
    stem="embeddings.patch_embeddings.projection",
    module="trainables.models.transformers_backbone",
    position_resize="dinov2",
    output_blocks=12,
    ignored_keys=("embeddings.mask_token",),
    overrides={"num_hidden_layers": 12, "num_attention_heads": 6},
    sources=(
        WeightsSource(
            tag="lvd142m",
            kind="hub",
            origin="facebook/dinov2-small",
            filename="model.safetensors",
            sha256=None,
            licence="Apache-2.0",
            trained_on="LVD-142M, up to 518 px, distilled from ViT-g",
            where="the authors of DINOv2 on the hub, in the layout of transformers",
        ),
    ),
    default_weights="lvd142m",
    twin="dinov2_vit_s14_twin",
)

DINOV2_VIT_S14_TWIN = BackboneCard(
    name="dinov2_vit_s14_twin",
    title="DINOv2 ViT-S/14 (twin)",
    family="dinov2_transformers",
    library="transformers",
    architecture="Dinov2Model",
    dim=48,
    image_size_px=70,
    mean=IMAGENET_MEAN,
    std=IMAGENET_STD,
    interpolation="bicubic",
    params_m=0.12,
    stride_px=14,
    stages=("encoder.layer",),
    stem="embeddings.patch_embeddings.projection",
    module="trainables.models.transformers_backbone",
    position_resize="dinov2",
    output_blocks=3,
    overrides={"num_hidden_layers": 3, "num_attention_heads": 3},
    default_weights=TWIN,
)

CARDS = (DINOV2_VIT_B14, DINOV2_VIT_B14_TWIN, DINOV2_VIT_S14, DINOV2_VIT_S14_TWIN)
