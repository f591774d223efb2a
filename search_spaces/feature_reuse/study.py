"""The study: its tables and figures."""

from __future__ import annotations

from search_spaces.compare import Compare
from search_spaces.derived import Derived
from search_spaces.feature_reuse import derived, recipes
from search_spaces.feature_reuse.deviations import DEVIATIONS
from search_spaces.feature_reuse.grid import (
    CAPACITY_DATASET,
    CAPACITY_MODEL,
    FRACTION,
    FRACTION_MODEL,
    IMAGES,
    INIT,
    LEVEL,
    MODEL,
    STATE,
)
from search_spaces.figures import FactorCurves, GainScatter, HeatMaps, LayerCurves
from search_spaces.medical_sets import DATASET
from search_spaces.study import Budget, Experiment, Study

BUDGET = Budget(search_trials=8, replicates=5, grace_steps=5)
ANALYSIS_BUDGET = Budget(replicates=5)
GRID = (MODEL, DATASET, INIT)
PANELS = ("model", "dataset")

STUDY = Study(
    name="feature_reuse",
    title="What makes transfer learning work for medical images",
    paper="Matsoukas, Haslum, Sorkhei, Söderberg, Smith. What Makes Transfer Learning Work For "
    "Medical Images: Feature Reuse & Other Factors. CVPR 2022, arXiv 2203.01825.",
    scaled=recipes.scaled,
    deviations=DEVIATIONS,
    experiments=(
        Experiment(
            name="main",
            compare=Compare(levels="init", over="dataset"),
            title="Test metric by initialisation (kappa, ROC-AUC or macro recall)",
            factors=GRID,
            configure=recipes.fine_tuned,
            published=derived.published_preceding(),
            budget=BUDGET,
            columns=("init",),
        ),
        Experiment(
            name="depth",
            title="Weights transferred up to a layer, statistics after it (WT-ST-n)",
            factors=(MODEL, DATASET, LEVEL),
            configure=recipes.up_to_level,
            budget=BUDGET,
            columns=("model",),
            figures=(
                FactorCurves(
                    name="depth",
                    title="Test metric by the last level whose weights are transferred",
                    x="level",
                    panels=PANELS,
                ),
            ),
        ),
        Experiment(
            name="knn",
            title="k-NN on the network's features, before and after fine-tuning",
            factors=(*GRID, STATE),
            configure=recipes.neighbours,
            budget=ANALYSIS_BUDGET,
            columns=("init", "state"),
            figures=(
                LayerCurves(
                    name="layers",
                    title="k-NN on every layer's features",
                    family="knn",
                    kind="all",
                    lines=("init", "state"),
                    panels=PANELS,
                ),
            ),
        ),
        Experiment(
            name="layer_importance",
            title="Mean loss of the test metric when one layer is set back to its initial state",
            factors=GRID,
            configure=recipes.layers_set_back,
            budget=ANALYSIS_BUDGET,
            columns=("init",),
            figures=(
                LayerCurves(
                    name="layers",
                    title="Loss of the test metric by the layer set back",
                    family="drop",
                    lines=("init",),
                    panels=PANELS,
                    bars=True,
                ),
            ),
        ),
        Experiment(
            name="l2",
            title="L2 distance of the weights from their initial state (mean over layers)",
            factors=GRID,
            configure=recipes.weights_moved,
            budget=ANALYSIS_BUDGET,
            columns=("init",),
            figures=(
                LayerCurves(
                    name="layers",
                    title="L2 distance by layer",
                    family="l2",
                    lines=("init",),
                    panels=PANELS,
                ),
            ),
        ),
        Experiment(
            name="cka",
            title="CKA of each layer before and after fine-tuning (mean over layers)",
            factors=GRID,
            configure=recipes.similar_to_initial,
            budget=ANALYSIS_BUDGET,
            columns=("init",),
            figures=(
                LayerCurves(
                    name="layers",
                    title="CKA of a layer with its initial state",
                    family="cka",
                    lines=("init",),
                    panels=PANELS,
                ),
                HeatMaps(
                    name="matrix",
                    title="CKA of trained (rows) with initial layers (columns)",
                    artifact="layer_similarity.json",
                    matrices=("trained-initial",),
                    panels=PANELS,
                ),
            ),
        ),
        Experiment(
            name="cka_wt_st",
            title="CKA of each layer after fine-tuning from weights and from statistics",
            factors=(MODEL, DATASET),
            configure=recipes.similar_to_statistics,
            budget=ANALYSIS_BUDGET,
            columns=("dataset",),
            figures=(
                HeatMaps(
                    name="matrix",
                    title="CKA of layers of WT (rows) with layers of ST (columns)",
                    artifact="layer_similarity.json",
                    matrices=("wt-st",),
                    panels=PANELS,
                ),
            ),
        ),
        Experiment(
            name="capacity",
            title="Test metric by capacity of the network",
            factors=(CAPACITY_MODEL, CAPACITY_DATASET, INIT),
            configure=recipes.by_capacity,
            budget=BUDGET,
            columns=("init",),
            figures=(
                FactorCurves(
                    name="capacity",
                    title="Test metric by network",
                    x="model",
                    lines="init",
                    panels=("dataset",),
                ),
            ),
        ),
        Experiment(
            name="data_fraction",
            title="Test metric by the share of training pictures",
            factors=(FRACTION_MODEL, CAPACITY_DATASET, INIT, FRACTION),
            configure=recipes.part_of_the_data,
            budget=BUDGET,
            columns=("fraction",),
            figures=(
                FactorCurves(
                    name="fraction",
                    title="Test metric by the share of training pictures",
                    x="fraction",
                    lines="init",
                    panels=PANELS,
                    log_x=True,
                ),
            ),
        ),
        Experiment(
            name="lr_finder",
            title="Validation metric at the best of 25 constant learning rates after 5 epochs",
            factors=GRID,
            configure=recipes.at_every_rate,
            budget=Budget(replicates=1),
            columns=("init",),
        ),
        Experiment(
            name="fid",
            title="Distance of each data set from ImageNet (FID)",
            factors=(DATASET,),
            configure=recipes.distance_from_imagenet,
            published=derived.published_fid(),
            budget=Budget(replicates=1),
            columns=("dataset",),
        ),
    ),
    derived=(
        Derived(
            name="relative_increase",
            title="Relative performance increase from transfer",
            experiment="main",
            factors=(MODEL, DATASET),
            columns=("dataset",),
            compute=derived.relative_increase,
            value_name="WT/RI",
        ),
        Derived(
            name="feature_reuse_gain_minmax",
            title="Share of the gain that is feature reuse, from least (0) to most (1)",
            experiment="main",
            factors=(MODEL, DATASET),
            columns=("dataset",),
            compute=derived.feature_reuse,
            published=derived.published_gains(),
            value_name="(WT-ST)/WT, scaled",
        ),
        Derived(
            name="convergence",
            title="Epochs until validation first reached 95 % of its best",
            experiment="main",
            factors=GRID,
            columns=("init",),
            run_value=derived.epochs_to_converge,
            compute=derived.as_it_is,
            value_name="epochs",
        ),
        Derived(
            name="learning_rates",
            title="Learning rate that the finder chose",
            experiment="lr_finder",
            factors=GRID,
            columns=("init",),
            run_value=derived.found_rate,
            compute=derived.as_it_is,
            value_name="learning rate",
        ),
    ),
    figures=(
        GainScatter(
            name="figure_1",
            title="Gain from transfer by size of the data set and distance from ImageNet",
            x=IMAGES,
            y="fid",
            size="relative_increase",
            colour="feature_reuse_gain_minmax",
            panels="model",
            points="dataset",
        ),
    ),
)
