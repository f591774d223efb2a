"""A study is disturbed while it runs, and ends as if it was not."""

from __future__ import annotations

import os

import pytest
from chaos_scenarios import EVERYTHING, SCENARIOS, put_through

pytestmark = pytest.mark.integration

NEEDS_ROOT = {"disk full", "Postgres restarted"}


@pytest.mark.timeout(900)
def test_faults_of_many_kinds_lose_repeat_and_leave_behind_nothing() -> None:
    ordeal = put_through(SCENARIOS[EVERYTHING], seed=0)
    assert ordeal.faults >= 5
    assert ordeal.wrong == ()


@pytest.mark.chaos
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", [name for name in SCENARIOS if name != EVERYTHING])
def test_a_study_survives(name: str) -> None:
    if name in NEEDS_ROOT and os.geteuid() != 0:
        pytest.skip("needs the rights of root")
    assert put_through(SCENARIOS[name], seed=0).wrong == ()
