"""Ready-made views of a study: what they filter, order and show, also in a real browser."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from fake_events import METRIC, T0, cell, new_store, place, replicates, session, trial, write
from mlflow import MlflowClient
from test_tracking_server import free_port, server, wait_until_it_answers

from orchestrator.events import CellEvent, Event
from orchestrator.tracking import experiment_name
from orchestrator.tracking.shipper import Shipper
from orchestrator.tracking.views import study_views

PREFIX = "mlflow.sharedViewState.xenograft-"
SPACE = {"optimizer.lr": {"low": 1e-3, "high": 1.0}, "augment.hue": {"low": 0.0, "high": 0.5}}


def planned() -> list[CellEvent]:
    places = [place("transfer", {"weights": w, "method": "tuned"}) for w in ("imagenet", "none")]
    searched = [cell(f"c{k}", [p]) for k, p in enumerate(places)]
    other = dataclasses.replace(cell("c2", [place("ablation", {"size": "big"})]), space=SPACE)
    return [*searched, other]


def states(tags: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Return the state of each view by its name."""
    found = [json.loads(value) for value in tags.values()]
    return {view["name"]: json.loads(view["state"]) for view in found}


def test_there_is_a_view_of_cells_of_replicates_and_of_each_kind_of_search() -> None:
    tags = study_views(planned(), T0)
    assert all(name.startswith(PREFIX) for name in tags)
    assert list(states(tags)) == [
        "1 Cells: the numbers of the tables",
        "2 Replicates: the seeds of each cell",
        "3 Search of optimizer.lr",
        "3 Search of augment.hue, optimizer.lr",
    ]


def test_cells_are_shown_with_their_levels_and_the_metric_of_the_table() -> None:
    state = states(study_views(planned(), T0))["1 Cells: the numbers of the tables"]
    assert state["searchFilter"] == "tags.`xenograft.kind` = 'cell'"
    shown = set(state["selectedColumns"])
    levels = {f"tags.`xenograft.level.{name}`" for name in ("weights", "method", "size")}
    assert levels | {f"metrics.`{METRIC}`", "metrics.`n`", "attributes.`Dataset`"} == shown


def test_a_search_is_drawn_over_exactly_what_was_searched_the_best_first() -> None:
    cells = planned()
    cells[2] = dataclasses.replace(cells[2], objective={"metric": "val/loss", "mode": "min"})
    found = states(study_views(cells, T0))
    state = found["3 Search of augment.hue, optimizer.lr"]
    (chart,) = state["compareRunCharts"]
    assert chart["type"] == "PARALLEL"
    assert chart["selectedParams"] == ["augment.hue", "optimizer.lr"]
    assert chart["selectedMetrics"] == ["objective"]
    assert "tags.`xenograft.searched` = 'augment.hue, optimizer.lr'" in state["searchFilter"]
    assert (state["orderByKey"], state["orderByAsc"]) == ("metrics.`objective`", True)
    assert not found["3 Search of optimizer.lr"]["orderByAsc"]


def test_a_view_that_no_tag_can_hold_is_left_out() -> None:
    wide = {f"optimizer.parameter_number_{k}": {"low": 0.0, "high": 1.0} for k in range(200)}
    cells = [dataclasses.replace(planned()[0], space=wide)]
    assert len(study_views(cells, T0)) == 2


def delivered(folder: Path) -> str:
    """Return a store with one study of one cell, delivered."""
    uri = new_store(folder)
    events: list[Event] = [session(), cell("c1", [place("transfer", {"weights": "imagenet"})])]
    for k, lr in enumerate((0.1, 0.2, 0.4)):
        events += trial("c1", k, t=T0 + 10 + 20 * k, lr=lr)
    write(folder / "grafts" / "ledger.jsonl", events + replicates("c1", [0.7, 0.8], t=T0 + 100))
    one = Shipper(
        ledger_path=folder / "grafts" / "ledger.jsonl",
        tracking_uri=uri,
        study="grafts",
        state_path=folder / "state.json",
    )
    while one.ship():
        pass
    assert one.refused == 0
    return uri


def test_views_arrive_and_their_filters_find_what_they_are_about(tmp_path: Path) -> None:
    client = MlflowClient(delivered(tmp_path))
    experiment = client.get_experiment_by_name(experiment_name("grafts"))
    views = {k: v for k, v in experiment.tags.items() if k.startswith(PREFIX)}
    found = {
        name: len(client.search_runs([experiment.experiment_id], state["searchFilter"]))
        for name, state in states(views).items()
    }
    assert found == {
        "1 Cells: the numbers of the tables": 1,
        "2 Replicates: the seeds of each cell": 2,
        "3 Search of optimizer.lr": 3,
    }


@pytest.mark.slow
@pytest.mark.integration
@pytest.mark.timeout(300)
@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs chromium")
def test_the_ui_opens_a_search_as_parallel_coordinates(tmp_path: Path) -> None:
    from playwright.sync_api import sync_playwright

    uri, port = delivered(tmp_path), free_port()
    with server(uri, port, tmp_path), sync_playwright() as running:
        wait_until_it_answers(port)
        browser = running.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = browser.new_page(viewport={"width": 1900, "height": 1000})
        page.set_default_timeout(60_000)
        page.goto(f"http://127.0.0.1:{port}/#/experiments/1/runs")
        page.get_by_role("button", name="Views").click()
        page.get_by_text("3 Search of optimizer.lr").click()
        page.get_by_text("search-002").first.wait_for()
        table = page.locator("body").inner_text()
        page.locator("label:has(input[value='CHART'])").click()
        page.get_by_text("Parallel Coordinates").wait_for()
        browser.close()
    assert "optimizer.lr" in table
    assert "data.name" not in table
    assert "replicate-0" not in table
