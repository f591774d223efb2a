"""Run a plan: one queue of trials over the whole study, with tracking beside it.

The state that matters is in the ledger before anything else sees it, so a run that ends for any
reason (done, Ctrl-C, time budget, SIGKILL) is resumed by running it again.
"""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType

from filelock import FileLock, Timeout
from rich.console import Console

from orchestrator.compiling import require_local_compiler
from orchestrator.equal_shares import require_equal_shares
from orchestrator.events import GOES_ON, EndEvent, Event
from orchestrator.gpus.packing import make_room
from orchestrator.ledger import Ledger
from orchestrator.models.registration import ModelRegistry
from orchestrator.plan import Plan
from orchestrator.progress import ProgressView
from orchestrator.provenance import provenance
from orchestrator.queue.study_queue import StudyQueue
from orchestrator.ray_cluster import given_cluster, ray_cluster, ray_environment
from orchestrator.resources import trial_slots
from orchestrator.settings import Settings
from orchestrator.tracking import Tracker, check_uri, init_store
from trainables.errors import StorageError

_DRAIN_S = 60.0
"""How long the end of a run waits for a tracking store that takes nothing."""

_STOPPING = "[dim]stopping the trials at work; another Ctrl-C does not wait for them[/]"

_TURN_S = 0.0005
"""How long a thread of the driver keeps the interpreter from one that asks for it."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a run ended.

    Args:
        finished: every cell ended; False after an interruption or the time budget.
        ran: trials that ended in this session.
        failed_cells: names and reasons.
        undelivered: events the tracking store has not taken yet; they go out at the next run.
    """

    finished: bool
    ran: int
    failed_cells: dict[str, str]
    undelivered: int


def run_plan(plan: Plan, settings: Settings, console: Console) -> Outcome:
    """Run what is left of a plan.

    Raises:
        PlanError: the plan has problems.
        StorageError: the storage cannot be written, or another driver runs this study.
        TrackingError: the tracking URI cannot be used.
        ResourceError: a trial can never be placed, or its workers cannot share a batch.
    """
    plan.require_runnable()
    require_equal_shares(plan, settings.workers_per_trial)
    require_local_compiler(settings)
    check_uri(settings.tracking_uri)
    folder = settings.study_folder(plan.study.name)
    ray_environment(settings)
    # A local cluster is started when there is work; another's absence must come out before that.
    with (
        _terminate_as_interrupt(),
        given_cluster(settings),
        _sole_driver(folder),
        ExitStack() as cluster,
    ):
        ledger = Ledger(folder / "ledger.jsonl")
        queue = StudyQueue(plan, ledger)
        _make_ready(queue, settings, cluster)
        tracker = Tracker(
            ledger.path,
            settings.tracking_uri,
            plan.study.name,
            folder / "tracking.json",
            hash_names=settings.file_names == "hashed",
            models=_models(settings, plan.study.name),
        )
        ended: list[str] = []
        queue.listen(lambda event: _on_event(event, folder, tracker, ended))
        tracker.start()
        try:
            queue.open_session(plan.selection.to_json(), provenance())
            if not queue.finished:
                _fit(queue, settings, folder, console)
        except KeyboardInterrupt:
            # Outside of Tune, which has its own way of ending; the ledger is whole either way.
            console.print("[dim]interrupted[/]")
        finally:
            cluster.close()
            undelivered = _drain(tracker, console)
            ledger.close()
    failed = {
        p.cell.label: p.end.reason
        for p in queue.cells.values()
        if p.end is not None and p.end.state == "failed"
    }
    return Outcome(
        finished=queue.finished, ran=len(ended), failed_cells=failed, undelivered=undelivered
    )


def _models(settings: Settings, study: str) -> ModelRegistry | None:
    if settings.models == "off":
        return None
    return ModelRegistry(study=study, locations=settings.locations)


@contextmanager
def _sole_driver(folder: Path) -> Iterator[None]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise StorageError(
            f"storage {folder} cannot be written ({error.strerror}): "
            f"choose another with --storage or fix its permissions"
        ) from error
    lock = FileLock(folder / "driver.lock")
    try:
        # Not at once: `xenograft status` may be looking at the lock just now.
        lock.acquire(timeout=1)
    except Timeout:
        raise StorageError(
            f"another run of this study is active on {folder}: wait for it, or stop it first"
        ) from None
    try:
        yield
    finally:
        lock.release()


def _on_event(event: Event, folder: Path, tracker: Tracker, ended: list[str]) -> None:
    tracker.wake()
    if isinstance(event, EndEvent):
        ended.append(event.trial)
        if event.failure not in GOES_ON:
            # Such a trial is never resumed; its artifacts stay.
            shutil.rmtree(folder / "trials" / event.trial / "checkpoints", ignore_errors=True)
        shutil.rmtree(folder / "train" / event.trial, ignore_errors=True)


def _drain(tracker: Tracker, console: Console) -> int:
    if tracker.undelivered:
        console.print(f"[dim]handing {tracker.undelivered} records to the tracking store[/]")
    try:
        undelivered = tracker.drain(_DRAIN_S)
    except KeyboardInterrupt:
        undelivered = tracker.undelivered
    tracker.close()
    return undelivered


def _make_ready(queue: StudyQueue, settings: Settings, cluster: ExitStack) -> None:
    """Start the cluster, if there is work for it, and meanwhile make the tracking store ready."""
    with ThreadPoolExecutor(max_workers=1) as beside:
        store = beside.submit(init_store, settings.tracking_uri)
        if not queue.finished:
            cluster.enter_context(ray_cluster(settings))
        store.result()


def _fit(queue: StudyQueue, settings: Settings, folder: Path, console: Console) -> None:
    import ray

    from orchestrator.tuning import run_trials

    nodes = [n["Resources"] for n in ray.nodes() if n["Alive"]]
    queue.room = make_room(queue.plan, settings, nodes)
    slots = trial_slots(replace(settings, gpus_per_worker=queue.room.least), nodes)
    console.print(f"[dim]{queue.remaining} trials to run, {slots} at a time[/]")
    with ProgressView(queue, console).live(), _quick_turns():
        run_trials(queue, settings, folder, slots, lambda: console.print(_STOPPING))
    shutil.rmtree(folder / "tune", ignore_errors=True)


@contextmanager
def _quick_turns() -> Iterator[None]:
    """Let the thread that serves the trials have the interpreter soon after it asks for it.

    The tracker keeps it busy for long, and this one lets go of it many times for a report: each
    time it would wait for the usual 5 ms.
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(_TURN_S)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


@contextmanager
def _terminate_as_interrupt() -> Iterator[None]:
    """Let SIGTERM (Slurm, Kubernetes) end the run as Ctrl-C does: resumable, exit code set."""
    before = signal.getsignal(signal.SIGTERM)

    def on_terminate(_: int, frame: FrameType | None) -> None:
        on_interrupt = signal.getsignal(signal.SIGINT)
        if not callable(on_interrupt):
            # A background shell starts its jobs deaf to SIGINT; SIGTERM is still meant.
            raise KeyboardInterrupt
        on_interrupt(signal.SIGINT, frame)

    signal.signal(signal.SIGTERM, on_terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
