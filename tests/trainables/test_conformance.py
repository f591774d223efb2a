"""Every registered trainable keeps the contract."""

from __future__ import annotations

from pathlib import Path

import pytest
from check_trainable import (
    Case,
    Outcome,
    check_chosen,
    check_config,
    check_damaged_checkpoint,
    check_final,
    check_reports,
    check_resume,
    check_search_trial,
    check_seed,
    check_writes,
    run_trial,
)
from conformance_cases import CASES

from trainables.context import Locations
from trainables.registry import TRAINABLES


def test_every_registered_trainable_has_a_case() -> None:
    assert {case.config.trainable for case in CASES.values()} == TRAINABLES.keys()


@pytest.fixture(scope="module", params=sorted(CASES))
def case(request: pytest.FixtureRequest) -> Case:
    return CASES[request.param]


@pytest.fixture(scope="module")
def whole(
    case: Case, shared_locations: Locations, tmp_path_factory: pytest.TempPathFactory
) -> Outcome:
    return run_trial(case, tmp_path_factory.mktemp("whole"), shared_locations)


def test_reports_the_objective_each_step(case: Case, whole: Outcome) -> None:
    check_reports(case, whole)


def test_replicates_return_test_metrics(case: Case, whole: Outcome) -> None:
    check_final(case, whole)


def test_the_chosen_state_is_the_best_that_was_reported(case: Case, whole: Outcome) -> None:
    check_chosen(case, whole)


def test_resumes_bit_identically_after_a_stop_at_any_step(
    case: Case, whole: Outcome, shared_locations: Locations, tmp_path: Path
) -> None:
    check_resume(case, whole, tmp_path, shared_locations)


def test_survives_a_torn_checkpoint(
    case: Case, whole: Outcome, shared_locations: Locations, tmp_path: Path
) -> None:
    check_damaged_checkpoint(case, whole, tmp_path, shared_locations)


def test_honours_its_seed(
    case: Case, whole: Outcome, shared_locations: Locations, tmp_path: Path
) -> None:
    check_seed(case, whole, tmp_path, shared_locations)


def test_search_trials_never_open_the_test_split(
    case: Case, shared_locations: Locations, tmp_path: Path
) -> None:
    check_search_trial(case, tmp_path, shared_locations)


def test_writes_only_inside_its_folder_and_the_store(
    case: Case, shared_locations: Locations, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    check_writes(case, tmp_path / "trials" / "trial", shared_locations, work)


def test_config_is_rebuilt_from_its_canonical_form(case: Case) -> None:
    check_config(case)
