"""The main job on real input: real ImageNet weights and real labelled pictures, through Ray."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from rich.console import Console

from orchestrator.plan import make_plan
from orchestrator.report import load_study_results
from orchestrator.runner import run_plan
from orchestrator.selection import Selection
from orchestrator.settings import resolve
from trainables.data.cards import data_status

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(240),
    pytest.mark.usefixtures("local_ray"),
]


def test_imagenet_weights_beat_random_ones_on_fashion_mnist(tmp_path: Path) -> None:
    settings = resolve({"storage": tmp_path / "runs"}, {}, tmp_path).settings
    status = data_status("fashion_mnist", settings.locations)
    if not status.present and "CI" not in os.environ:
        pytest.skip(status.reason)
    selection = Selection(
        study="demo",
        only={"target": ("fashion",), "method": ("linear_probe",)},
        search_trials=2,
        replicates=2,
        overrides={"data.limit": "200"},
    )
    plan = make_plan(selection, settings.locations)
    assert {d["kind"] for cell in plan.cells for d in cell.data} == {"real"}
    outcome = run_plan(plan, settings, Console(file=io.StringIO()))
    assert (outcome.finished, outcome.failed_cells) == (True, {})

    results = load_study_results(settings.tracking_uri, "demo")
    accuracy = {}
    for weights in ("imagenet", "random"):
        levels = {"weights": weights, "method": "linear_probe", "target": "fashion"}
        cell = results.at("transfer", levels)
        assert cell is not None
        accuracy[weights] = sum(cell.values("test/accuracy")) / 2
    # Ten classes. Measured: 0.74 against 0.60 to 0.66.
    assert accuracy["imagenet"] > accuracy["random"] > 0.2
    assert accuracy["imagenet"] > 0.5
