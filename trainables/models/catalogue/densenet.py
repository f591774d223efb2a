"""DenseNet-121 as torchxrayvision trains it on radiographs, one on skin, and their twin."""

from __future__ import annotations

from dataclasses import replace

from trainables.models.card import TWIN, BackboneCard, WeightsSource

DENSENET121_XRAY = BackboneCard(
    name="densenet121_xray",
    title="DenseNet-121 on MIMIC-CXR",
    family="densenet",
    library="timm",
    architecture="densenet121",
    dim=1024,
    image_size_px=224,
    # Grey levels from -1024 to 1024, which its authors' normalisation makes of 0 to 255.
    mean=(0.5, 0.5, 0.5),
    std=(0.5 / 1024, 0.5 / 1024, 0.5 / 1024),
    interpolation="bilinear",
    params_m=6.9,
    stride_px=32,
    stages=tuple(f"features.denseblock{i}" for i in range(1, 5)),
    stem="features.conv0",
    module="trainables.models.densenet_backbone",
    averages=True,
    ignored_keys=("classifier.weight", "classifier.bias", "op_threshs"),
    sources=(
        WeightsSource(
            tag="mimic_nb",
            kind="file",
            origin="",
            filename="densenet121-res224-mimic_nb.pt",
            sha256=None,
            licence="Apache-2.0 (torchxrayvision)",
            trained_on="MIMIC-CXR, labels of NegBio, 224 px, supervised",
            where="the state_dict() of torchxrayvision's DenseNet(weights='densenet121-res224-"
            "mimic_nb'), saved with torch.save: the published file is a pickled model",
        ),
    ),
    default_weights="mimic_nb",
    twin="densenet121_twin",
)

DENSENET121_SKIN = replace(
    DENSENET121_XRAY,
    name="densenet121_skin",
    title="DenseNet-121 on ISIC",
    sources=(
        WeightsSource(
            tag="isic",
            kind="file",
            origin="",
            filename="densenet_skin.pt",
            sha256=None,
            licence="see the KnoBo repository",
            trained_on="ISIC, 9 classes, grey, 224 px, supervised from scratch",
            where="the state_dict() of the model that the KnoBo repository offers",
        ),
    ),
    default_weights="isic",
)

DENSENET121_TWIN = replace(
    DENSENET121_XRAY,
    name="densenet121_twin",
    title="DenseNet-121 (twin)",
    dim=96,
    image_size_px=64,
    params_m=0.23,
    overrides={"growth_rate": 24, "block_config": (2, 2, 2, 2)},
    sources=(),
    default_weights=TWIN,
    twin=None,
)

CARDS = (DENSENET121_XRAY, DENSENET121_SKIN, DENSENET121_TWIN)
