"""The queue: phases, dependencies, sharing, and being rebuilt from its ledger at any moment."""

from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest
from local_executor import DriverKilledError, open_queue, run_all, toy_plan

from orchestrator.events import CellEndEvent, EndEvent, Event, ReportEvent, StartEvent
from orchestrator.ledger import Ledger
from orchestrator.queue.study_queue import StudyQueue
from trainables.context import Locations


def _events(folder: Path, kind: type) -> list:
    return [e for _, e in Ledger(folder / "ledger.jsonl").read() if isinstance(e, kind)]


def test_cells_that_print_two_metrics_of_one_run_are_run_once(locations: Locations) -> None:
    plan = toy_plan(locations, only={"experiment": ("main",)})
    assert [[p.levels["shown"] for p in cell.places] for cell in plan.cells] == [
        ["score", "other"],
        ["score", "other"],
    ]


def test_search_then_replicates_of_the_best_finished_config(
    tmp_path: Path, locations: Locations
) -> None:
    plan = toy_plan(locations, only={"experiment": ("main",), "name": ("a",)})
    queue = open_queue(plan, tmp_path)
    handed_out = run_all(queue, tmp_path, locations)

    phases = [work.phase for work in handed_out]
    assert phases == ["search"] * 6 + ["replicate"] * 2
    ends = {e.trial: e for e in _events(tmp_path, EndEvent)}
    finished = {
        w.params["x"]: ends[w.trial].value
        for w in handed_out
        if w.phase == "search" and ends[w.trial].state == "complete"
    }
    best = max(finished, key=lambda x: finished[x])
    assert {w.params["x"] for w in handed_out if w.phase == "replicate"} == {best}
    assert len({w.seed for w in handed_out if w.phase == "replicate"}) == 2


def test_asha_stops_some_trials_early_and_never_a_replicate(
    tmp_path: Path, locations: Locations
) -> None:
    queue = open_queue(toy_plan(locations), tmp_path)
    handed_out = {w.trial: w for w in run_all(queue, tmp_path, locations)}
    pruned = [e for e in _events(tmp_path, EndEvent) if e.state == "pruned"]
    assert pruned
    assert all(handed_out[e.trial].phase == "search" and e.step < 5 for e in pruned)


def test_test_metrics_come_from_replicates_only(tmp_path: Path, locations: Locations) -> None:
    queue = open_queue(toy_plan(locations), tmp_path)
    handed_out = {w.trial: w for w in run_all(queue, tmp_path, locations)}
    for end in _events(tmp_path, EndEvent):
        assert bool(end.metrics) == (handed_out[end.trial].phase == "replicate")


def test_a_dependent_cell_starts_after_what_it_needs_and_gets_its_artifacts(
    tmp_path: Path, locations: Locations
) -> None:
    queue = open_queue(toy_plan(locations), tmp_path)
    handed_out = run_all(queue, tmp_path, locations)
    after = [w for w in handed_out if w.inputs]
    assert len(after) == 6
    replicates = {w.trial for w in handed_out if w.phase == "replicate" and not w.inputs}
    assert all(set(w.inputs.values()) <= replicates for w in after)
    used = [w.inputs["before"] for w in after if w.cell == after[0].cell]
    assert used[0] == used[2] != used[1], "replicate i uses replicate i of what it needs, in turn"


def test_optuna_is_told_the_truth(
    tmp_path: Path, locations: Locations, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOY_FAIL", "nan")
    queue = open_queue(toy_plan(locations, only={"experiment": ("main",)}), tmp_path)
    # A cell lets go of its search when it ends.
    studies = {p.cell.config.name: p._search.study for p in queue.cells.values()}
    run_all(queue, tmp_path, locations)
    trials = {name: study.get_trials(deepcopy=False) for name, study in studies.items()}
    states = {name: Counter(t.state.name for t in found) for name, found in trials.items()}
    assert states["b"] == {"FAIL": 6}
    assert states["a"].keys() == {"COMPLETE", "PRUNED"}
    assert states["a"].total() == 6
    for trial in trials["a"]:
        last = trial.intermediate_values[max(trial.intermediate_values)]
        assert trial.value == pytest.approx(last)


def test_a_failed_cell_says_why_and_fails_what_needs_it(
    tmp_path: Path, locations: Locations, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOY_FAIL", "bug")
    queue = open_queue(toy_plan(locations), tmp_path)
    run_all(queue, tmp_path, locations)
    assert queue.finished
    reasons = {p.cell.name: p.end.reason for p in queue.cells.values() if p.end.reason}
    assert reasons == {
        "main/name=b/shown=score": "stopped at its first bug: RuntimeError: planted bug",
        "after/name=b": "needs main: b, score (+1 more), which failed",
    }
    failures = [e for e in _events(tmp_path, EndEvent) if e.failure == "bug"]
    assert len(failures) == 1, "the other configs of the cell would meet it too"
    assert "planted bug" in failures[0].error


def test_failed_trials_are_tried_again_by_the_next_run_and_finished_ones_are_not(
    tmp_path: Path, locations: Locations, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = toy_plan(locations)
    monkeypatch.setenv("TOY_FAIL", "")
    good = toy_plan(locations)
    assert [c.id for c in good.cells] == [c.id for c in plan.cells]
    first = open_queue(plan, tmp_path)
    for _ in range(3):
        work = first.next_work()
        assert work is not None
        first.on_failure(work.trial, "infrastructure", "planted")
    second = open_queue(good, tmp_path)
    handed_out = run_all(second, tmp_path, locations)
    assert second.finished
    assert all(p.end.state == "complete" for p in second.cells.values())
    assert len(handed_out) == len({w.trial for w in handed_out})


def test_a_cell_that_got_its_number_without_a_lost_trial_is_not_searched_again(
    tmp_path: Path, locations: Locations
) -> None:
    only = {"experiment": ("main",), "name": ("a",)}
    plan = toy_plan(locations, only=only)
    first = open_queue(plan, tmp_path)
    lost = first.next_work()
    assert lost is not None
    first.on_failure(lost.trial, "infrastructure", "planted")
    run_all(first, tmp_path, locations)
    assert [p.end.state for p in first.cells.values()] == ["complete"]

    again = open_queue(plan, tmp_path)
    assert again.finished
    assert again.next_work() is None
    larger = open_queue(toy_plan(locations, only=only, search_trials=7), tmp_path)
    assert lost.trial in {work.trial for work in run_all(larger, tmp_path, locations)}


def test_a_second_run_does_nothing(tmp_path: Path, locations: Locations) -> None:
    plan = toy_plan(locations)
    run_all(open_queue(plan, tmp_path), tmp_path, locations)
    ledger = (tmp_path / "ledger.jsonl").read_text().count("\n")
    again = open_queue(plan, tmp_path)
    assert again.finished
    assert again.next_work() is None
    assert (tmp_path / "ledger.jsonl").read_text().count("\n") == ledger + 1, "one session line"


def test_a_larger_budget_adds_only_what_is_new(tmp_path: Path, locations: Locations) -> None:
    only = {"experiment": ("main",), "name": ("a",)}
    run_all(open_queue(toy_plan(locations, only=only), tmp_path), tmp_path, locations)
    more = toy_plan(locations, only=only, replicates=4)
    handed_out = run_all(open_queue(more, tmp_path), tmp_path, locations)
    assert [(w.phase, w.index) for w in handed_out] == [("replicate", 2), ("replicate", 3)]
    ends = _events(tmp_path, CellEndEvent)
    assert [len(e.replicates) for e in ends] == [2, 4]


@pytest.mark.parametrize("killed_after", [*range(1, 106, 7), 23, 33])
def test_killed_after_any_event_and_resumed_ends_as_if_never_killed(
    tmp_path: Path, locations: Locations, killed_after: int
) -> None:
    plan = toy_plan(locations, only={"experiment": ("main",)})
    whole = tmp_path / "whole"
    run_all(open_queue(plan, whole), whole, locations)

    folder = tmp_path / "killed"
    queue = open_queue(plan, folder)
    seen = 0

    def kill(_: Event) -> None:
        nonlocal seen
        seen += 1
        if seen == killed_after:
            raise DriverKilledError

    queue.listen(kill)
    with pytest.raises(DriverKilledError):
        run_all(queue, folder, locations)
    run_all(open_queue(plan, folder), folder, locations)

    ends = _events(folder, EndEvent)
    assert len({e.trial for e in ends}) == len(ends), "one end per trial"
    reference = {(e.trial, e.state, e.value, *e.metrics.items()) for e in _events(whole, EndEvent)}
    assert {(e.trial, e.state, e.value, *e.metrics.items()) for e in ends} == reference
    for start in _events(folder, StartEvent):
        steps = (folder / "trials" / start.trial / "steps.txt").read_text().split()
        repeated = [s for s, n in Counter(steps).items() if n > 1]
        assert len(repeated) <= 1, "at most one checkpoint interval is done again"


@pytest.mark.parametrize(("unheard", "step"), [(1, 1), (3, 3), (5, 5), (2, 4), (1, 5)])
def test_reports_that_were_saved_but_not_heard_are_made_again(
    tmp_path: Path, locations: Locations, monkeypatch: pytest.MonkeyPatch, unheard: int, step: int
) -> None:
    """The driver dies after a trial wrote its checkpoint and before the ledger has the reports."""
    plan = toy_plan(locations, only={"experiment": ("after",), "name": ("a",)}, recipe="paper")
    whole = tmp_path / "whole"
    run_all(open_queue(plan, whole), whole, locations)
    folder = tmp_path / "killed"
    queue = open_queue(plan, folder)
    heard = queue.on_report

    def deaf(trial: str, reported: int, metrics: Mapping[str, float]) -> bool:
        if reported == step:
            raise DriverKilledError
        return reported < unheard and heard(trial, reported, metrics)

    monkeypatch.setattr(queue, "on_report", deaf)
    with pytest.raises(DriverKilledError):
        run_all(queue, folder, locations)
    run_all(open_queue(plan, folder), folder, locations)

    def story(where: Path) -> set[tuple[str, int, float]]:
        reports = _events(where, ReportEvent)
        return {(r.trial, r.step, r.metrics["val/score"]) for r in reports}

    assert story(folder) == story(whole)
    assert all(end.state == "complete" for end in _events(folder, EndEvent))


def test_a_torn_last_line_is_dropped(tmp_path: Path, locations: Locations) -> None:
    plan = toy_plan(locations, only={"experiment": ("main",), "name": ("a",)})
    run_all(open_queue(plan, tmp_path), tmp_path, locations)
    path = tmp_path / "ledger.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"event":"start","t":1,"tri')
    again = open_queue(plan, tmp_path)
    assert again.finished
    assert path.read_bytes().startswith(whole)
    assert path.read_bytes().count(b"\n") == whole.count(b"\n") + 1


def test_searcher_state_survives_pickling(tmp_path: Path, locations: Locations) -> None:
    from orchestrator.scheduler import StudyScheduler
    from orchestrator.searcher import StudySearcher

    plan = toy_plan(locations)
    queue = open_queue(plan, tmp_path)
    searcher = StudySearcher(queue)
    searcher.suggest("tune-1")
    copies = pickle.loads(pickle.dumps((searcher, StudyScheduler(queue))))
    restored: StudyQueue = copies[0]._queue
    assert copies[1]._queue is restored
    work = restored.next_work()
    assert work is not None
    assert work.attempt == 1, "the trial that was out comes first"
