"""The study: its tables and figures."""

from __future__ import annotations

from search_spaces.compare import Compare
from search_spaces.derived import Derived
from search_spaces.figures import FactorCurves
from search_spaces.medvlsm import derived, published, recipes
from search_spaces.medvlsm.deviations import DEVIATIONS
from search_spaces.medvlsm.grid import (
    CNN,
    DATASET,
    FROZEN_DATASET,
    FROZEN_MODEL,
    FROZEN_PROMPT,
    HEART_STRUCTURE,
    MODEL,
    POLYP_DATASET,
    POOL,
    POOLED_PROMPT,
    PROMPT,
    SPACE,
    STRUCTURE,
    TEST_DATASET,
    TEXT_MODEL,
    TRAIN_DATASET,
    TUMOUR_PROMPT,
    TUMOURS,
    ZERO_SHOT_DATASET,
    ZERO_SHOT_MODEL,
    ZERO_SHOT_PROMPT,
)
from search_spaces.medvlsm.scaled import scaled
from search_spaces.study import Budget, Experiment, Factor, Study

# No run may end before 10 epochs, and slow starters have to survive them.
BUDGET = Budget(search_trials=8, replicates=3, grace_steps=10)
# Of three trained replicates each is tested once.
TESTED = Budget(replicates=3)
# Untrained, replicates would differ by the wordings drawn, if at all.
UNTRAINED = Budget(replicates=1)
# As released: 20 trials, none of them stopped by the others.
SWEEP_BUDGET = Budget(search_trials=20, replicates=3, grace_steps=recipes.EPOCHS)

_TUMOURS = Factor(name="dataset", levels=(TUMOURS,), titles={TUMOURS: "BUSI, tumours"})
_BY_PROMPT = FactorCurves(name="prompts", title="Dice by type of prompt", x="prompt", lines="model")

STUDY = Study(
    name="medvlsm",
    title="Vision-language models for medical image segmentation",
    paper="Poudel, Dhakal, Bhandari, Adhikari, Thapaliya, Khanal. Exploring Transfer Learning in "
    "Medical Image Segmentation using Vision-Language Models. MIDL 2024, arXiv 2308.07706.",
    scaled=scaled,
    deviations=DEVIATIONS,
    experiments=(
        Experiment(
            name="zero_shot",
            title="Dice without any training",
            factors=(ZERO_SHOT_MODEL, ZERO_SHOT_DATASET, ZERO_SHOT_PROMPT),
            configure=recipes.zero_shot,
            published=published.zero_shot(),
            budget=UNTRAINED,
            columns=("prompt",),
            figures=(_BY_PROMPT,),
        ),
        Experiment(
            name="finetune",
            compare=Compare(levels="model", over="dataset"),
            title="Dice of models trained on one set with one type of prompt",
            factors=(TEXT_MODEL, DATASET, PROMPT),
            configure=recipes.fine_tuned,
            published=published.fine_tuned(),
            budget=BUDGET,
            columns=("prompt",),
            figures=(_BY_PROMPT,),
        ),
        Experiment(
            name="busi_tumours",
            title="Dice on BUSI, trained and tested without its normal pictures",
            factors=(TEXT_MODEL, TUMOUR_PROMPT),
            configure=recipes.tumours,
            budget=BUDGET,
            columns=("prompt",),
        ),
        Experiment(
            name="frozen_encoders",
            title="Dice of CRIS with frozen encoders",
            factors=(FROZEN_MODEL, FROZEN_DATASET, FROZEN_PROMPT),
            configure=recipes.frozen_encoders,
            published=published.frozen_encoders(),
            budget=BUDGET,
            columns=("prompt",),
        ),
        Experiment(
            name="pooled_training",
            title="Dice of pooled models on the test cases of their training sets together",
            factors=(MODEL, POOL, POOLED_PROMPT),
            configure=recipes.pooled_training,
            budget=BUDGET,
            columns=("prompt",),
        ),
        Experiment(
            name="pooled",
            title="Dice of pooled models on each set (Table 2)",
            factors=(MODEL, POOL, TEST_DATASET, POOLED_PROMPT),
            configure=recipes.pooled_test,
            published=published.pooled(),
            budget=TESTED,
            columns=("dataset",),
        ),
        Experiment(
            name="cross",
            title="Dice of models of one polyp set on the others",
            factors=(TEXT_MODEL, TRAIN_DATASET, POLYP_DATASET, PROMPT),
            configure=recipes.cross,
            budget=TESTED,
            columns=("dataset",),
        ),
        Experiment(
            name="cnn_structures",
            title="Dice of CNNs trained for one structure",
            factors=(CNN, STRUCTURE),
            configure=recipes.cnn_of_structure,
            budget=BUDGET,
            columns=("model",),
        ),
        Experiment(
            name="cnn_individual",
            title="Dice of CNNs trained on one set (Table 2)",
            factors=(CNN, DATASET),
            configure=recipes.cnn_individual,
            published=published.cnn_individual(),
            budget=BUDGET,
            columns=("dataset",),
        ),
        Experiment(
            name="cnn_multiclass",
            title="Dice of CNNs that outline all structures of CAMUS at once (ours)",
            factors=(CNN, HEART_STRUCTURE),
            configure=recipes.cnn_multiclass,
            budget=BUDGET,
            columns=("structure",),
        ),
        Experiment(
            name="sweep",
            title="Dice after a search for learning rate and batch size",
            factors=(SPACE,),
            configure=recipes.sweep,
            budget=SWEEP_BUDGET,
        ),
    ),
    derived=(
        Derived(
            name="finetune_best",
            title="Dice at the best prompt, trained on one set (Table 2)",
            experiment="finetune",
            factors=(TEXT_MODEL, DATASET),
            columns=("dataset",),
            compute=derived.best_prompt,
            published=published.individual_best(),
            value_name="Dice",
        ),
        Derived(
            name="finetune_mean",
            title="Mean Dice over prompts P1 and up, trained on one set",
            experiment="finetune",
            factors=(TEXT_MODEL, DATASET),
            columns=("dataset",),
            compute=derived.mean_prompt,
            value_name="Dice",
        ),
        Derived(
            name="busi_tumours_best",
            title="Dice on BUSI's tumours at the best prompt (Table 2)",
            experiment="busi_tumours",
            factors=(TEXT_MODEL, _TUMOURS),
            columns=("dataset",),
            compute=derived.best_of_tumours,
            published=published.tumours_best(),
            value_name="Dice",
        ),
        Derived(
            name="endoscopy_best",
            title="Dice at the best prompt, trained on endoscopy pooled (Table 2)",
            experiment="pooled",
            factors=(TEXT_MODEL, POLYP_DATASET),
            columns=("dataset",),
            compute=derived.best_of_endoscopy,
            published=published.endoscopy_best(),
            value_name="Dice",
        ),
        Derived(
            name="endoscopy_mean",
            title="Mean Dice over prompts P1 and up, trained on endoscopy pooled",
            experiment="pooled",
            factors=(TEXT_MODEL, POLYP_DATASET),
            columns=("dataset",),
            compute=derived.mean_of_endoscopy,
            value_name="Dice",
        ),
    ),
)
