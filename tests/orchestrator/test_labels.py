"""What must stand beside a number."""

from __future__ import annotations

from dataclasses import replace

import pytest
from report_cells import accuracies, cell, replicate

from orchestrator.report.table import LEGEND


@pytest.mark.parametrize(
    ("state", "searched", "expected"),
    [
        ("complete", ["pruned", "pruned"], ("synthetic", "stopped-early")),
        ("complete", ["pruned", "complete"], ("synthetic",)),
        ("complete", [], ("synthetic",)),
        ("running", ["pruned"], ("synthetic",)),
    ],
)
def test_a_choice_among_trials_that_were_stopped_is_labelled(
    state: str, searched: list[str], expected: tuple[str, ...]
) -> None:
    trials = [replace(replicate(i, f"run {i}", {}), state=s) for i, s in enumerate(searched)]
    made = cell("main", {"name": "a"}, accuracies(0.5, 0.6), kind="synthetic", state=state)
    labels = replace(made, search=tuple(trials)).labels
    assert labels == expected
    assert set(labels) <= LEGEND.keys()
