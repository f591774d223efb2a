"""Every registered trainable, on two ranks, finds what it finds on one. Ranks talk gloo.

The cases are those of the contract, without what differs between ranks by design: batch norms see a
rank's own share of the batch, and each rank draws its own dropout and changes of pictures. Where
Adam would take whole steps by the sign of what is rounding, steps are as large as the gradients.

What trains networks is slow here, and has quicker tests of ranks of its own.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from check_trainable import Case, Outcome, run_trial
from conformance_cases import CASES
from haste import make_twins_hastily
from spawned_ranks import WORLD, spawn_ranks
from torch import distributed

from trainables.config import BackboneRef
from trainables.context import Locations
from trainables.data.augmentation import Augmentation
from trainables.engine.config import OptimizerConfig
from trainables.registry import TRAINABLES

LATE_S = 0.3
"""How much later the second rank starts: the first must not run ahead of it."""
WITHOUT_NORMS = BackboneRef(card="deit_t_twin", weights="random")
UNCHANGED = Augmentation()
PLAIN = OptimizerConfig(name="sgd", lr=0.02)


def _changed(name: str, **changes: Any) -> Case:
    case = CASES[name]
    return dataclasses.replace(case, config=dataclasses.replace(case.config, **changes))


def _without_dropout() -> Case:
    method = dataclasses.replace(CASES["generalise"].config.method, dropout=0.0, freeze_norms=True)
    return _changed("generalise", method=method, optimizer=PLAIN, augment=UNCHANGED)


QUICK = {
    name: CASES[name]
    for name in (
        "concept_diversity",
        "data_distance",
        "knn",
        "probe",
        "probe_as_knobo",
        "probe_path",
        "zero_shot",
    )
}
SLOW = {
    "align": _changed("align", eps=1.0, augment=UNCHANGED),
    "classify": _changed(
        "classify",
        backbone=WITHOUT_NORMS,
        image_size_px=None,
        optimizer=PLAIN,
        augment=UNCHANGED,
    ),
    "generalise": _without_dropout(),
    "segment_with_prompts": _changed("segment_with_prompts", optimizer=PLAIN),
    **{
        name: CASES[name]
        for name in (
            "bottleneck_as_knobo",
            "bottleneck_as_pcbm",
            "embedding_knn",
            "embedding_similarity",
            "grounding",
            "labo",
            "layer_knn",
            "layer_reinit",
            "layer_similarity",
            "lsl",
            "segment_transfer",
            "segment_zero_shot",
            "weight_change",
        )
    },
}

pytestmark = pytest.mark.integration

Outcomes = dict[str, list[Outcome]]
"""Of each case, what it was alone, and what it was to each rank."""


def _run(
    cases: dict[str, Case], folder: Path, locations: Locations, rank: int, world_size: int
) -> Iterator[tuple[str, Outcome]]:
    for name, case in cases.items():
        time.sleep(LATE_S * rank)
        outcome = run_trial(case, folder / name, locations, rank=rank, world_size=world_size)
        yield name, outcome
        if world_size > 1:
            distributed.barrier()  # the next trial begins when this one has ended


def _rank_main(rank: int, folder: Path, names: tuple[str, ...], locations: Locations) -> None:
    cases = {name: (QUICK | SLOW)[name] for name in names}
    with pytest.MonkeyPatch.context() as patch:
        make_twins_hastily(patch)
        outcomes = {
            name: [outcome.reports, outcome.final]
            for name, outcome in _run(cases, folder / "together", locations, rank, WORLD)
        }
    (folder / f"rank-{rank}.json").write_text(json.dumps(outcomes))


def _outcomes(cases: dict[str, Case], folder: Path, locations: Locations) -> Outcomes:
    outcomes = {name: [alone] for name, alone in _run(cases, folder / "alone", locations, 0, 1)}
    spawn_ranks(_rank_main, folder, tuple(cases), locations)
    for rank in range(WORLD):
        found = json.loads((folder / f"rank-{rank}.json").read_text())
        for name, (reports, final) in found.items():
            outcome = Outcome(reports=[(step, metrics) for step, metrics in reports], final=final)
            outcomes[name].append(outcome)
    return outcomes


def _check(alone: Outcome, *ranks: Outcome) -> None:
    for rank in ranks:
        assert [step for step, _ in rank.reports] == [step for step, _ in alone.reports]
        for (_, mine), (_, its) in zip(rank.reports, alone.reports, strict=True):
            assert mine == pytest.approx(its, abs=1e-5, nan_ok=True)
        assert rank.final == pytest.approx(alone.final, abs=1e-5, nan_ok=True)


@pytest.fixture(scope="module")
def quick(shared_locations: Locations, tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    return _outcomes(QUICK, tmp_path_factory.mktemp("ranks"), shared_locations)


@pytest.fixture(scope="module")
def slow(shared_locations: Locations, tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    return _outcomes(SLOW, tmp_path_factory.mktemp("slow_ranks"), shared_locations)


def test_every_registered_trainable_is_tried_on_two_ranks() -> None:
    assert {case.config.trainable for case in (QUICK | SLOW).values()} == TRAINABLES.keys()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", QUICK)
def test_two_ranks_find_what_one_does(quick: Outcomes, name: str) -> None:
    _check(*quick[name])


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", SLOW)
def test_two_ranks_train_what_one_does(slow: Outcomes, name: str) -> None:
    _check(*slow[name])
