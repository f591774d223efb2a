"""What must hold of a study however it was disturbed, checked in every place that knows of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from chaos_driver import Arena
from optuna.trial import TrialState

from orchestrator.events import CellEndEvent, EndEvent, SessionEvent, StartEvent
from orchestrator.ledger import Ledger
from orchestrator.plan import Plan, make_plan
from orchestrator.queue.study_queue import StudyQueue
from orchestrator.report import load_study_results
from orchestrator.selection import Selection
from orchestrator.settings import resolve


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a disturbed study came to.

    Args:
        lost: the most steps that any trial took twice for one fault.
        duplicates: trials, runs or configs that are there twice.
        leftovers: runs and configs that are still open, processes that are still there.
        problems: what else is wrong.
        kinds: what the report says trials failed of, for good or before they were tried again.
    """

    lost: int
    duplicates: int
    leftovers: int
    problems: tuple[str, ...]
    kinds: Counter[str]


def judge(arena: Arena, tracking_uri: str = "") -> Verdict:
    """Check a study that has run to its end.

    Args:
        tracking_uri: where its runs are; empty: in its storage.
    """
    uri = tracking_uri or arena.mlflow
    in_mlflow, open_runs, kinds = _mlflow(arena, uri)
    in_optuna, open_configs = _optuna(arena)
    return Verdict(
        lost=_lost_steps(arena),
        duplicates=_ended_twice(arena) + in_mlflow + in_optuna,
        leftovers=open_runs + open_configs + _processes(arena),
        problems=tuple(_cells(arena, _plan(arena))),
        kinds=kinds,
    )


def _cells(arena: Arena, plan: Plan) -> list[str]:
    """Every cell has all its replicates, and each of them one finished record."""
    ends = {event.cell: event for event in arena.events(CellEndEvent)}
    problems = [
        f"cell {e.cell} {e.state}: {e.reason}" for e in ends.values() if e.state != "complete"
    ]
    if ends.keys() != {cell.id for cell in plan.cells}:
        problems.append(f"{len(ends)} cells ended instead of {len(plan.cells)}")
    counted = [trial for event in ends.values() for trial in event.replicates]
    phases = {event.trial: event.phase for event in arena.events(StartEvent)}
    finished = Counter(e.trial for e in arena.events(EndEvent) if e.state == "complete")
    replicates = {trial: n for trial, n in finished.items() if phases[trial] == "replicate"}
    wanted = sum(cell.budget.replicates for cell in plan.cells)
    if Counter(counted) != replicates or len(counted) != wanted:
        problems.append(f"replicates {sorted(counted)} are not the finished {replicates}")
    searched = {e.trial for e in arena.events(EndEvent) if phases[e.trial] == "search"}
    wanted = sum(cell.search_trials for cell in plan.cells)
    if len(searched) != wanted:
        problems.append(f"{len(searched)} configs were tried instead of {wanted}")
    return problems


def _ended_twice(arena: Arena) -> int:
    """Count ends too many: only a failure is followed by another end."""
    closed = Counter(
        event.trial
        for event in arena.events(EndEvent)
        if event.state != "failed" or event.failure == "nan"
    )
    return sum(closed.values()) - len(closed)


def _lost_steps(arena: Arena) -> int:
    """Return the most steps that a trial took again, for each time that it was started again."""
    starts = Counter(event.trial for event in arena.events(StartEvent))
    lost = 0
    for path in (arena.study / "trials").glob("*/steps.txt"):
        steps = path.read_text().split()
        again = max(starts[path.parent.name] - 1, 1)
        lost = max(lost, -(-(len(steps) - len(set(steps))) // again))
    return lost


def _mlflow(arena: Arena, uri: str) -> tuple[int, int, Counter[str]]:
    import mlflow

    client = mlflow.MlflowClient(uri)
    (experiment,) = [e for e in client.search_experiments() if "chaos" in e.name]
    runs = client.search_runs([experiment.experiment_id])
    tags = [run.data.tags for run in runs]
    named = Counter(tag.get("xenograft.trial", tag["xenograft.cell"]) for tag in tags)
    ended = {event.trial for event in arena.events(EndEvent)}
    missing = ended - named.keys()
    if missing:
        raise AssertionError(f"MLflow has no run of {sorted(missing)}")
    results = load_study_results(uri, "chaos")
    kinds = results.failures() + results.retries()
    still_open = sum(run.info.status == "RUNNING" for run in runs)
    return sum(named.values()) - len(named), still_open, kinds


def _optuna(arena: Arena) -> tuple[int, int]:
    """Look at each cell's Optuna study as the next driver would have it."""
    queue = StudyQueue(_plan(arena), Ledger(arena.study / "ledger.jsonl"))
    duplicates = still_open = 0
    for progress in queue.cells.values():
        if progress._search is None:
            continue
        trials = progress._search.study.get_trials(deepcopy=False)
        # A config whose trial failed is there once more if it was tried again.
        kept = [trial for trial in trials if trial.state != TrialState.FAIL]
        duplicates += len(kept) - len({tuple(sorted(t.params.items())) for t in kept})
        still_open += sum(not trial.state.is_finished() for trial in trials)
    return duplicates, still_open


def _plan(arena: Arena) -> Plan:
    settings = resolve({"storage": arena.storage}, {}, arena.folder).settings
    selection = Selection.from_json(arena.events(SessionEvent)[-1].selection)
    return make_plan(selection, settings.locations)


def _processes(arena: Arena) -> int:
    """Count what is still there of Ray; on a busy machine its last processes take minutes."""
    try:
        arena.until(lambda: not arena.processes(), "Ray to end", limit_s=180)
    except AssertionError:
        return len(arena.processes())
    return 0
