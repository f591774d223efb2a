"""A study with the two tables that a sweep of CoOpLVT's code fills."""

from __future__ import annotations

from collections.abc import Mapping

from search_spaces.study import Experiment, Factor, Objective, Published, Recipe, Study
from trainables import knn
from trainables.config import BackboneRef, DataRef

DOMAINS = ("aptos", "eyepacs", "messidor", "messidor_2")
METHODS = ("naive_clip", "coop_lvt")
METRIC = "test/macro_f1_fixed"


def configure(levels: Mapping[str, str]) -> Recipe | None:
    if levels.get("train_domain") == levels["test_domain"]:
        return None
    single_source = "train_domain" in levels
    metric = f"test/{levels['test_domain']}/macro_f1_fixed" if single_source else METRIC
    return Recipe(
        config=knn.Config(backbone=BackboneRef(card="resnet50"), data=DataRef(name="fundus")),
        objective=Objective(metric="val/macro_f1_fixed"),
        metric=metric,
    )


METHOD = Factor(name="method", levels=METHODS, titles={"coop_lvt": "CoOpLVT"})
STUDY = Study(
    name="coop_lvt",
    title="Domain generalisation",
    paper="Made for tests",
    experiments=(
        Experiment(
            name="table1",
            title="Table 1",
            factors=(METHOD, Factor(name="test_domain", levels=DOMAINS)),
            configure=configure,
            published={("coop_lvt", "aptos"): Published(value=0.319, source="Table 1")},
            columns=("test_domain",),
        ),
        Experiment(
            name="table2",
            title="Table 2",
            factors=(
                Factor(name="train_domain", levels=DOMAINS),
                METHOD,
                Factor(name="test_domain", levels=DOMAINS),
            ),
            configure=configure,
            columns=("test_domain",),
        ),
    ),
)
