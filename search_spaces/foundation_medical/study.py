"""The study: its tables and figures."""

from __future__ import annotations

from search_spaces.compare import Compare
from search_spaces.derived import Derived
from search_spaces.figures import DerivedBars, FactorCurves, HeatMaps, LayerCurves
from search_spaces.foundation_medical import derived, recipes
from search_spaces.foundation_medical.deviations import DEVIATIONS
from search_spaces.foundation_medical.grid import (
    BACKBONE,
    BLOCK,
    DATASET,
    FOUNDATION_BACKBONE,
    HEAD,
    OTHER,
    PROFILE,
    TRAINING,
)
from search_spaces.study import Budget, Experiment, Study

BUDGET = Budget(search_trials=8, replicates=5, grace_steps=6)
ANALYSIS_BUDGET = Budget(replicates=5)

STUDY = Study(
    name="foundation_medical",
    title="Are natural-domain foundation models useful for medical image classification?",
    paper="Palés Huix, Ganeshan, Haslum, Söderberg, Matsoukas, Smith. Are Natural Domain "
    "Foundation Models Useful for Medical Image Classification? WACV 2024, arXiv 2310.19522.",
    scaled=recipes.scaled,
    deviations=DEVIATIONS,
    experiments=(
        Experiment(
            name="grid",
            compare=Compare(levels="backbone", over="dataset"),
            title="Test metric by backbone, head and training (kappa, ROC-AUC or macro recall)",
            factors=(BACKBONE, HEAD, TRAINING, DATASET, PROFILE),
            configure=recipes.grid,
            budget=BUDGET,
            columns=("dataset",),
        ),
        Experiment(
            name="dino_head",
            title="DeiT-B head with self-supervised (DINO) instead of supervised weights",
            factors=(FOUNDATION_BACKBONE, DATASET),
            configure=recipes.dino_head,
            budget=BUDGET,
            columns=("dataset",),
        ),
        Experiment(
            name="unfreeze",
            title="Test metric by the first block that trains, with a linear head",
            factors=(FOUNDATION_BACKBONE, DATASET, BLOCK),
            configure=recipes.unfrozen_from,
            budget=BUDGET,
            columns=("dataset",),
            figures=(
                FactorCurves(
                    name="unfreeze",
                    title="Test metric by the first block that trains",
                    x="block",
                    lines="backbone",
                    panels=("dataset",),
                ),
            ),
        ),
        Experiment(
            name="drop",
            title="Test metric by the last block that is kept, frozen",
            factors=(FOUNDATION_BACKBONE, HEAD, DATASET, BLOCK),
            configure=recipes.cut_after,
            budget=BUDGET,
            columns=("dataset",),
            figures=(
                FactorCurves(
                    name="drop",
                    title="Test metric by the last block that is kept",
                    x="block",
                    lines="backbone",
                    panels=("head", "dataset"),
                ),
            ),
        ),
        Experiment(
            name="knn",
            title="k-NN on what the last layer reads",
            factors=(BACKBONE, HEAD, TRAINING, DATASET),
            configure=recipes.neighbours,
            budget=ANALYSIS_BUDGET,
            columns=("dataset",),
        ),
        Experiment(
            name="cka",
            title="CKA of each block before and after fine-tuning (mean over blocks)",
            factors=(FOUNDATION_BACKBONE, DATASET),
            configure=recipes.similar_to_pretrained,
            budget=ANALYSIS_BUDGET,
            columns=("dataset",),
            figures=(
                LayerCurves(
                    name="layers",
                    title="CKA of a block with itself before fine-tuning",
                    family="cka",
                    panels=("dataset", "backbone"),
                ),
                HeatMaps(
                    name="matrix",
                    title="CKA of fine-tuned (rows) with pretrained blocks (columns)",
                    artifact="layer_similarity.json",
                    matrices=("trained-initial",),
                    panels=("dataset", "backbone"),
                ),
            ),
        ),
        Experiment(
            name="cka_models",
            title="CKA of the last layers of two fine-tuned models",
            factors=(FOUNDATION_BACKBONE, OTHER, DATASET),
            configure=recipes.similar_to_other,
            budget=ANALYSIS_BUDGET,
            columns=("other",),
        ),
    ),
    derived=(
        Derived(
            name="relative_gain",
            title="Mean gain over DeiT-B with a linear head on the four data sets, in percent",
            experiment="grid",
            factors=(BACKBONE, HEAD, TRAINING, PROFILE),
            columns=("head",),
            compute=derived.relative_gain,
            published=derived.published_gains(),
            value_name="gain in percent",
        ),
    ),
    figures=(
        DerivedBars(
            name="figure_1",
            title="Mean gain over ImageNet-supervised DeiT-B",
            table="relative_gain",
            bars="backbone",
            colours="head",
            where={"training": "fine_tuned", "profile": "paper"},
        ),
    ),
)
