"""What does ImageNet buy on a fundus photograph? A study that a laptop finishes in minutes.

Real ImageNet weights of EfficientNet-Lite0 against random ones, by three ways of using a backbone,
on synthetic fundus photographs (five grades of diabetic retinopathy, chance 0.2) from the camera
trained on and from another one, and on a small subset of real Fashion-MNIST pictures (ten classes,
chance 0.1) where that data set is installed.

Run: xenograft run demo
"""

from __future__ import annotations

from search_spaces.space import Choice, FloatRange, Space
from search_spaces.study import (
    Budget,
    Experiment,
    Factor,
    Levels,
    Objective,
    Recipe,
    Study,
)
from trainables import classify, knn, probe
from trainables.config import BackboneRef, DataRef
from trainables.engine.config import OptimizerConfig

FUNDUS_PX = 96
FASHION_PX = 64
EPOCHS = 2
OBJECTIVE = Objective(metric="val/accuracy")

WEIGHTS = Factor(
    name="weights",
    levels=("imagenet", "random"),
    titles={"imagenet": "ImageNet", "random": "random"},
)
METHOD = Factor(
    name="method",
    levels=("fine_tune", "linear_probe", "knn"),
    titles={"fine_tune": "fine-tuning", "linear_probe": "linear probe", "knn": "k-NN"},
)
TARGET = Factor(
    name="target",
    levels=("same_camera", "other_camera", "fashion"),
    titles={
        "same_camera": "fundus, same camera",
        "other_camera": "fundus, other camera",
        "fashion": "Fashion-MNIST",
    },
)

FINE_TUNE_SPACE: Space = {
    "optimizer.lr": FloatRange(low=3e-4, high=1e-2, log=True),
    "optimizer.weight_decay": FloatRange(low=1e-4, high=1e-1, log=True),
}
PROBE_SPACE: Space = {"inverse_l2": FloatRange(low=1e-5, high=1e1, log=True)}
KNN_SPACE: Space = {"k": Choice(values=(1, 5, 10, 20, 40))}


def _configure(levels: Levels) -> Recipe:
    """Return what one cell runs. Both cameras are tests of one run, so it is done once."""
    backbone = BackboneRef(
        card="efficientnet_lite0",
        weights="imagenet1k" if levels["weights"] == "imagenet" else "random",
    )
    fashion = levels["target"] == "fashion"
    data = (
        DataRef(name="fashion_mnist", limit=200)
        if fashion
        else DataRef(name="fundus", domains=("camera_0",), limit=200)
    )
    size_px = FASHION_PX if fashion else FUNDUS_PX
    shift_domains = () if fashion else ("camera_2",)
    metric = "test_shift/accuracy" if levels["target"] == "other_camera" else "test/accuracy"
    if levels["method"] == "fine_tune":
        return Recipe(
            config=classify.Config(
                backbone=backbone,
                data=data,
                shift_domains=shift_domains,
                image_size_px=size_px,
                epochs=EPOCHS,
                batch_size=16,
                optimizer=OptimizerConfig(lr=2e-3, weight_decay=1e-2),
            ),
            objective=OBJECTIVE,
            metric=metric,
            space=FINE_TUNE_SPACE,
            steps=EPOCHS,
            optional_data=fashion,
        )
    probe_config = probe.Config if levels["method"] == "linear_probe" else knn.Config
    return Recipe(
        config=probe_config(
            backbone=backbone,
            data=data,
            shift_domains=shift_domains,
            image_size_px=size_px,
        ),
        objective=OBJECTIVE,
        metric=metric,
        space=PROBE_SPACE if levels["method"] == "linear_probe" else KNN_SPACE,
        optional_data=fashion,
    )


STUDY = Study(
    name="demo",
    title="ImageNet against random weights on synthetic fundus photographs",
    paper="No paper: a small study of our own that shows every part at work.",
    experiments=(
        Experiment(
            name="transfer",
            title="Test accuracy by weights, method and target",
            factors=(WEIGHTS, METHOD, TARGET),
            configure=_configure,
            budget=Budget(search_trials=4, replicates=3, grace_steps=1, reduction=2),
            columns=("target",),
        ),
    ),
)
