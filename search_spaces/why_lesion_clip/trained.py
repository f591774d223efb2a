"""Whose weights are trained: CLIP on findings, networks on the classes of a data set."""

from __future__ import annotations

from search_spaces.space import Choice, FloatRange, Space
from search_spaces.study import Levels, Objective, Recipe
from search_spaces.why_lesion_clip.clips import BASE, DENSENET, RELEASED
from search_spaces.why_lesion_clip.grid import TEST
from search_spaces.why_lesion_clip.heads import ACCURACY, CORPUS
from trainables import align, classify, lsl
from trainables.config import BackboneRef, DataRef
from trainables.engine.config import OptimizerConfig, ScheduleConfig

REPORT_CORPUS = {"skin": "isic_reports", "xray": "mimic_reports"}
VIT_LR, DENSENET_LR = 1e-6, 1e-5
BATCH_SIZE = 64
EPOCHS = 20

ALIGN_SPACE: Space = {
    "optimizer.lr": FloatRange(low=1e-6, high=5e-5, log=True),
    "optimizer.weight_decay": Choice(values=(0.0, 1e-4, 1e-3, 1e-2, 0.1, 0.2)),
}
SHAPE_SPACE: Space = {
    "optimizer.lr": FloatRange(low=1e-7, high=1e-4, log=True),
    "margin": FloatRange(low=0.2, high=0.9),
}
CLASSIFY_SPACE: Space = {"optimizer.lr": FloatRange(low=1e-7, high=1e-4, log=True)}


def aligned(levels: Levels) -> Recipe:
    """Fine-tune CLIP on findings, or on whole reports (``no extraction``)."""
    modality, findings = levels["modality"], levels["captions"] == "findings"
    config = align.Config(
        backbone=BASE.backbone,
        data=DataRef(name=(CORPUS if findings else REPORT_CORPUS)[modality]),
        captions="findings" if findings else "report",
    )
    return Recipe(
        config=config,
        objective=Objective(metric="val/contrastive_loss", mode="min"),
        metric="chosen/contrastive_loss",
        space=ALIGN_SPACE,
        steps=config.epochs,
        # The reports about pictures of skin are not published.
        optional_data=not findings,
    )


def shaped(levels: Levels) -> Recipe:
    """Fine-tune the released CLIP to tell which pictures show which concepts (LSL)."""
    config = lsl.Config(
        backbone=RELEASED[levels["modality"]].backbone,
        data=DataRef(name=CORPUS[levels["modality"]]),
    )
    return Recipe(
        config=config,
        objective=Objective(metric="val/loss", mode="min"),
        metric="chosen/loss",
        space=SHAPE_SPACE,
        steps=config.epochs,
    )


def vit(levels: Levels) -> Recipe:
    """Train the image tower of the released CLIP whole, anew for every data set."""
    return _classifier(RELEASED[levels["modality"]].backbone, levels["dataset"], VIT_LR)


def densenet(levels: Levels) -> Recipe:
    """Train DenseNet-121 whole, anew for every data set."""
    return _classifier(DENSENET[levels["modality"]].backbone, levels["dataset"], DENSENET_LR)


def _classifier(backbone: BackboneRef, dataset: str, lr: float) -> Recipe:
    # Deviates from the released code, which goes on with the weights of the data set before.
    config = classify.Config(
        backbone=backbone,
        data=DataRef(name=dataset),
        resize="center_crop",
        epochs=EPOCHS,
        batch_size=BATCH_SIZE,
        optimizer=OptimizerConfig(name="adam", lr=lr),
        schedule=ScheduleConfig(name="constant"),
        selection_metric=ACCURACY.metric,
    )
    return Recipe(
        config=config, objective=ACCURACY, metric=TEST, space=CLASSIFY_SPACE, steps=EPOCHS
    )
