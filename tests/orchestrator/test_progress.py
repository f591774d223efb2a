"""What is shown while a study runs."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from local_executor import open_queue, run_all, toy_plan
from rich.console import Console

from orchestrator.progress import ProgressView
from orchestrator.queue.study_queue import StudyQueue
from trainables.context import Locations


def _watched(tmp_path: Path, locations: Locations, terminal: bool) -> tuple[StudyQueue, Any, Any]:
    plan = toy_plan(locations, only={"experiment": ("main",)}, recipe="paper", replicates=1)
    queue = open_queue(plan, tmp_path)
    text = io.StringIO()
    console = Console(file=text, force_terminal=terminal, width=120, color_system=None)
    return queue, ProgressView(queue, console), text


def test_a_log_file_gets_one_line_per_cell(tmp_path: Path, locations: Locations) -> None:
    queue, view, text = _watched(tmp_path, locations, terminal=False)
    with view.live():
        run_all(queue, tmp_path, locations)
    lines = text.getvalue().splitlines()
    assert [line.split(":")[0] for line in lines] == ["[1/2] main", "[2/2] main"]
    assert "complete, best val/score 0." in lines[0]


@pytest.mark.parametrize("error", ["KeyError: '[/nope]'", "[bold]x", "a\nlast line [/]", "", "\n"])
def test_a_failure_is_shown_literally_whatever_it_says(
    tmp_path: Path, locations: Locations, error: str
) -> None:
    queue, _, text = _watched(tmp_path, locations, terminal=False)
    work = queue.next_work()
    assert work is not None
    queue.on_failure(work.trial, "bug", error)
    last = (error.strip() or "no message").splitlines()[-1]
    assert f"failed main: a, score (+1 more) replicate-1 (bug): {last}\n" in text.getvalue()


def test_a_trial_that_is_tried_again_says_after_what(tmp_path: Path, locations: Locations) -> None:
    queue, _, text = _watched(tmp_path, locations, terminal=False)
    work = queue.next_work()
    assert work is not None
    queue.on_failure(work.trial, "out_of_memory", "too much", splittable=True)
    assert queue.next_work() is not None
    said = "again main: a, score (+1 more) replicate-1 after out_of_memory, each batch in 2 parts\n"
    assert text.getvalue() == said


def test_the_panel_shows_cells_at_work(tmp_path: Path, locations: Locations) -> None:
    queue, view, _ = _watched(tmp_path, locations, terminal=True)
    work = queue.next_work()
    assert work is not None
    queue.on_report(work.trial, 1, {"val/score": 0.25})
    text = io.StringIO()
    Console(file=text, width=160).print(view.render())
    assert "0/2 cells" in text.getvalue()
    assert "trials: 1 running, 0 finished" in text.getvalue()
    assert "best val/score 0.2500" in text.getvalue()
