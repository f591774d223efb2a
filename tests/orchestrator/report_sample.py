"""A made-up study with known numbers, delivered to a store, for the tests of the report."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Mapping
from pathlib import Path

from fake_events import T0, cell, new_store, place, replicates, session, trial, write

from orchestrator.events import CellEndEvent, Event
from orchestrator.tracking.shipper import Shipper
from search_spaces.study import Experiment, Factor, Objective, Published, Recipe, Study
from trainables import knn
from trainables.config import BackboneRef, DataRef

ACCURACIES = {
    ("imagenet", "knn"): [0.70, 0.80, 0.90],
    ("imagenet", "linear"): [0.81, 0.82, 0.83, 0.84],
    ("random", "knn"): [0.55],
}
TITLES = {"imagenet": "ImageNet <b>&", "random": "random"}


def configure(levels: Mapping[str, str]) -> Recipe | None:
    if dict(levels) == {"weights": "random", "method": "tuned"}:
        return None
    objective = Objective(metric="val/accuracy")
    config = knn.Config(backbone=BackboneRef(card="resnet50"), data=DataRef(name="fundus"))
    return Recipe(config=config, objective=objective, metric="test/accuracy")


def study() -> Study:
    published = {
        ("imagenet", "knn"): Published(value=0.805, source="Table 2"),
        ("imagenet", "linear"): Published(
            value=0.9, error=0.01, error_kind="sd", n=5, source="Table 2"
        ),
        ("random", "linear"): Published(value=0.4, error=0.02, error_kind="se", source="Table 2"),
    }
    transfer = Experiment(
        name="transfer",
        title="Table 2: what transfers & <why> 100%",
        factors=(
            Factor(name="weights", levels=("imagenet", "random"), titles=TITLES),
            Factor(name="method", levels=("knn", "linear", "tuned")),
        ),
        configure=configure,
        published=published,
        columns=("method",),
    )
    ablation = Experiment(
        name="ablation",
        title="Ablation",
        factors=(Factor(name="size", levels=("small", "large")),),
        configure=configure,
    )
    return Study(
        name="grafts",
        title="Grafts",
        paper="A. Author, <i>On Grafts</i>",
        experiments=(transfer, ablation),
    )


def events() -> list[Event]:
    """Tell of two cells for one place, every fate of a trial, an unfinished and a failed cell."""

    def at(weights: str, method: str) -> list[dict[str, object]]:
        return [place("transfer", {"weights": weights, "method": method})]

    story: list[Event] = [session(), cell("old", at("imagenet", "knn"), t=T0 + 1)]
    story += replicates("old", [0.1, 0.2], t=T0 + 100)
    also = place("ablation", {"size": "small"})
    story.append(cell("knn", [*at("imagenet", "knn"), also], t=T0 + 1000, data_kind="real"))
    for k, (lr, state) in enumerate([(0.01, "complete"), (0.1, "pruned"), (1.0, "complete")]):
        steps = 2 if state == "pruned" else 4
        story += trial("knn", k, t=T0 + 1010 + 20 * k, lr=lr, state=state, steps=steps)
    story += trial(
        "knn", 3, t=T0 + 1090, state="failed", steps=1, failure="nan", error="a\nloss is <nan>"
    )
    story += replicates("knn", ACCURACIES["imagenet", "knn"], t=T0 + 1200)
    story.append(
        cell("lin", at("imagenet", "linear"), t=T0 + 2000, data_kind="real", weights_kind="real")
    )
    story += replicates("lin", ACCURACIES["imagenet", "linear"], t=T0 + 2100)
    story.append(cell("rnd", at("random", "knn"), t=T0 + 3000, weights_kind="twin"))
    story += replicates("rnd", ACCURACIES["random", "knn"], t=T0 + 3100)
    story.append(cell("open", at("random", "linear"), t=T0 + 4000))
    story += trial("open", 0, t=T0 + 4010)
    story.append(cell("dead", at("imagenet", "tuned"), t=T0 + 5000))
    story.append(
        CellEndEvent(
            t=T0 + 5001, cell="dead", state="failed", replicates=[], chosen={}, reason="no trial"
        )
    )
    return story


@functools.cache
def delivered() -> str:
    """Return the address of a store that holds the study."""
    folder = Path(tempfile.mkdtemp())
    uri = new_store(folder)
    path = write(folder / "grafts" / "ledger.jsonl", events())
    shipper = Shipper(
        ledger_path=path, tracking_uri=uri, study="grafts", state_path=folder / "state.json"
    )
    while shipper.ship():
        pass
    assert shipper.refused == 0
    return uri
