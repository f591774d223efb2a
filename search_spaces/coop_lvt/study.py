"""The study: its tables."""

from __future__ import annotations

from search_spaces.compare import Compare
from search_spaces.coop_lvt import published, recipes
from search_spaces.coop_lvt.deviations import DEVIATIONS
from search_spaces.coop_lvt.grid import (
    CODE_METHOD,
    EXTENSION_METHOD,
    LAYERS,
    PAPER_METHOD,
    PLACEMENT,
    SINGLE_METHOD,
    TEST_DOMAIN,
    TOKENS,
    TRAIN_DOMAIN,
)
from search_spaces.derived import Derived
from search_spaces.study import Budget, Experiment, Study

# 13 records are 2,400 steps: of the released runs, validation chose none before.
BUDGET = Budget(search_trials=20, replicates=3, grace_steps=13)
BY_DOMAIN = ("test_domain",)

STUDY = Study(
    name="coop_lvt",
    title="CLIP and CoOpLVT for domain generalisation in diabetic retinopathy",
    paper="Baliah, Maani, Sanjeev, Khan. Exploring the Transfer Learning Capabilities of CLIP in "
    "Domain Generalization for Diabetic Retinopathy. MLMI 2023, arXiv 2308.14212.",
    scaled=recipes.scaled,
    deviations=DEVIATIONS,
    experiments=(
        Experiment(
            name="table1",
            compare=Compare(levels="method", over="test_domain"),
            title="Macro F1 on the held-out domain (Table 1)",
            factors=(PAPER_METHOD, TEST_DOMAIN),
            configure=recipes.held_out,
            published=published.table1(),
            budget=BUDGET,
            columns=BY_DOMAIN,
        ),
        Experiment(
            name="table2",
            title="Macro F1 when trained on one domain (Table 2)",
            factors=(SINGLE_METHOD, TRAIN_DOMAIN, TEST_DOMAIN),
            configure=recipes.single_source,
            published=published.table2(),
            budget=BUDGET,
            columns=BY_DOMAIN,
        ),
        Experiment(
            name="released_code",
            title="Macro F1 of what the released code has and the paper does not print",
            factors=(CODE_METHOD, TEST_DOMAIN),
            configure=recipes.held_out,
            budget=BUDGET,
            columns=BY_DOMAIN,
        ),
        Experiment(
            name="placement",
            title="Macro F1 of CoOpLVT by the place of its tokens: published, and active (ours)",
            factors=(PLACEMENT, LAYERS, TOKENS, TEST_DOMAIN),
            configure=recipes.placed,
            budget=BUDGET,
            columns=BY_DOMAIN,
        ),
        Experiment(
            name="extensions",
            title="Macro F1 of methods that are not in the paper",
            factors=(EXTENSION_METHOD, TEST_DOMAIN),
            configure=recipes.held_out,
            budget=BUDGET,
            columns=BY_DOMAIN,
        ),
    ),
    derived=(
        Derived(
            name="table1_mean",
            title="Mean over the four domains (last column of Table 1)",
            experiment="table1",
            factors=(PAPER_METHOD,),
            compute=published.mean_over_test_domains,
            published=published.table1_mean(),
            value_name="macro F1",
        ),
        Derived(
            name="table2_mean",
            title="Mean over the three other domains (last column of Table 2)",
            experiment="table2",
            factors=(SINGLE_METHOD, TRAIN_DOMAIN),
            columns=("train_domain",),
            compute=published.mean_over_test_domains,
            published=published.table2_mean(),
            value_name="macro F1",
        ),
    ),
)
