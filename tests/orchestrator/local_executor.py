"""Run a study's queue in this process, one trial after another, without Ray."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from toy_package import toy_trainable

from orchestrator.failures import classify_failure
from orchestrator.ledger import Ledger
from orchestrator.plan import Plan, make_plan
from orchestrator.queue.cell_progress import Work
from orchestrator.queue.study_queue import StudyQueue
from orchestrator.selection import Selection
from orchestrator.trial import TrialEnvironment
from trainables.config import from_mapping
from trainables.context import Context, Locations


class DriverKilledError(Exception):
    """Stands for SIGKILL: nothing after it runs."""


def toy_plan(locations: Locations, **selection: object) -> Plan:
    return make_plan(Selection(study="toy_package.study", **selection), locations)  # type: ignore[arg-type]


def open_queue(plan: Plan, folder: Path) -> StudyQueue:
    queue = StudyQueue(plan, Ledger(folder / "ledger.jsonl"))
    queue.open_session(plan.selection.to_json(), {"code.version": "test"})
    return queue


def trial_environment(
    folder: Path, locations: Locations, gpus: float = 0.0, compile: bool = False
) -> TrialEnvironment:
    """Return what a worker knows of a run with trials of one worker."""
    return TrialEnvironment(
        folder=folder,
        locations=locations,
        workers=1,
        cpus_per_worker=1.0,
        gpus_per_worker=gpus,
        loader_workers=0,
        compile=compile,
        timeout_s=0.0,
    )


def run_all(queue: StudyQueue, folder: Path, locations: Locations) -> list[Work]:
    """Run until nothing is left; return the trials in the order they were handed out."""
    handed_out = []
    while (work := queue.next_work()) is not None:
        handed_out.append(work)
        run_one(queue, work, folder, locations)
    return handed_out


def run_one(queue: StudyQueue, work: Work, folder: Path, locations: Locations) -> None:
    def send(step: int, metrics: Mapping[str, float]) -> None:
        if queue.on_report(work.trial, step, metrics):
            queue.on_stopped(work.trial)
            raise SystemExit

    trials = folder / "trials"
    context = Context(
        trial_id=work.trial,
        seed=work.seed,
        folder=trials / work.trial,
        locations=locations,
        final=work.phase == "replicate",
        inputs={name: trials / trial / "artifacts" for name, trial in work.inputs.items()},
        send=send,
    )
    try:
        metrics = toy_trainable.run(from_mapping(toy_trainable.Config, work.config), context)
    except SystemExit:
        return
    except DriverKilledError:
        raise
    except Exception as error:  # noqa: BLE001 - as the worker does
        failure = classify_failure(error)
        queue.on_failure(work.trial, failure.kind, failure.error)
        return
    queue.on_complete(work.trial, metrics, f"trials/{work.trial}/artifacts")
