"""Run a plan: one Tuner over the study's queue, with tracking beside it.

The state that matters is in the ledger before anything else sees it, so a run that ends for any
reason (done, Ctrl-C, time budget, SIGKILL) is resumed by running it again.
"""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Any

from filelock import FileLock, Timeout
from rich.console import Console

from orchestrator.equal_shares import require_equal_shares
from orchestrator.events import GOES_ON, EndEvent, Event
from orchestrator.ledger import Ledger
from orchestrator.messages import unpack_gpus
from orchestrator.models.registration import ModelRegistry
from orchestrator.packing import make_room
from orchestrator.plan import Plan
from orchestrator.progress import ProgressView
from orchestrator.provenance import provenance
from orchestrator.queue import StudyQueue
from orchestrator.resources import DRIVER_CPUS, local_node, require_reachable, trial_slots
from orchestrator.settings import Settings
from orchestrator.tracking import Tracker, check_uri, init_store
from orchestrator.trial import TrialEnvironment, make_trial_function
from trainables.errors import ResourceError, StorageError

_CONNECT_S = 45.0
"""How long a cluster may take to accept a driver; a loaded one needs several seconds."""

_DRAIN_S = 60.0
"""How long the end of a run waits for a tracking store that takes nothing."""


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
    check_uri(settings.tracking_uri)
    folder = settings.study_folder(plan.study.name)
    _ray_environment(settings)
    # A local cluster is started when there is work; another's absence must come out before that.
    with _terminate_as_interrupt(), _given_cluster(settings), _sole_driver(folder):
        init_store(settings.tracking_uri)
        ledger = Ledger(folder / "ledger.jsonl")
        queue = StudyQueue(plan, ledger)
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


def _fit(queue: StudyQueue, settings: Settings, folder: Path, console: Console) -> None:
    import ray

    from orchestrator.placed_trials import PlacedTrials
    from orchestrator.scheduler import StudyScheduler
    from orchestrator.searcher import StudySearcher

    with _ray_cluster(settings):
        nodes = [n["Resources"] for n in ray.nodes() if n["Alive"]]
        queue.room = make_room(queue.plan, settings, nodes)
        slots = trial_slots(replace(settings, gpus_per_worker=queue.room.least), nodes)
        console.print(f"[dim]{queue.remaining} trials to run, {slots} at a time[/]")
        from ray import tune

        _use_waiting_workers()
        environment = TrialEnvironment(
            folder=folder,
            locations=settings.locations,
            workers=settings.workers_per_trial,
            cpus_per_worker=settings.cpus_per_worker,
            gpus_per_worker=settings.gpus,
            loader_workers=settings.loader_workers,
            timeout_s=60 * settings.trial_timeout_min,
        )
        tuner = tune.Tuner(
            tune.with_resources(make_trial_function(environment), _trial_resources(settings)),
            tune_config=tune.TuneConfig(
                search_alg=StudySearcher(queue),
                scheduler=StudyScheduler(queue),
                num_samples=-1,
                max_concurrent_trials=slots,
                time_budget_s=settings.time_budget_s or None,
                reuse_actors=settings.workers_per_trial == 1,
                trial_dirname_creator=lambda trial: trial.trial_id,
            ),
            run_config=tune.RunConfig(
                name="tune",
                storage_path=str(folder),
                callbacks=[PlacedTrials(queue.room)],
                verbose=0,
                failure_config=tune.FailureConfig(max_failures=settings.max_retries),
            ),
        )
        view = ProgressView(queue, console)
        with view.live():
            tuner.fit()
        shutil.rmtree(folder / "tune", ignore_errors=True)


def _use_waiting_workers() -> None:
    """Let trials run in the workers that Ray starts ahead of them.

    Tune gives its actors a variable for Lightning. Ray then starts an interpreter to set it before
    each worker, and those that wait, which do not have it, are of no use.
    """
    from ray.tune.execution import class_cache

    class_cache.DEFAULT_ENV_VARS.clear()


def _trial_resources(settings: Settings) -> Callable[[Mapping[str, Any]], Any]:
    """Return what Tune asks how much a trial holds, given the config of the trial."""
    from ray.tune import PlacementGroupFactory

    def resources(config: Mapping[str, Any]) -> Any:
        if settings.workers_per_trial > 1:
            return PlacementGroupFactory([{"CPU": DRIVER_CPUS}])
        held = {"CPU": settings.cpus_per_worker, "GPU": unpack_gpus(config)}
        return PlacementGroupFactory([{name: amount for name, amount in held.items() if amount}])

    return resources


def _ray_environment(settings: Settings) -> None:
    """Set what Ray reads from the environment when it is first imported (by the queue's ASHA)."""
    if not settings.address:
        # A token of this run's own: nobody else on the machine can use the local cluster.
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    defaults = {
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_AIR_NEW_OUTPUT": "0",
        "RAY_AUTH_MODE": "token",
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
        "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
        "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
        # The ledger is the state; Tune's own snapshots would only cost time.
        "TUNE_GLOBAL_CHECKPOINT_S": str(10**9),
    }
    for name, value in defaults.items():
        os.environ.setdefault(name, value)
    # What a trial dies of is shown once, by the progress display.
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)


def _given_cluster(settings: Settings) -> AbstractContextManager[None]:
    """Connect to the cluster the settings name; for a local one, check that a trial would fit."""
    if settings.address:
        require_reachable(settings.address)
        _require_ray(settings.address)
        return _ray_cluster(settings)
    trial_slots(settings, [local_node()])
    return nullcontext()


def _require_ray(address: str) -> None:
    # In a process of its own, because nothing ends a ray.init that waits for another service, or
    # for a cluster that does not take its token.
    script = "import sys, ray; ray.init(address=sys.argv[1], log_to_driver=False)"
    command = [sys.executable, "-c", script, address]
    try:
        subprocess.run(command, capture_output=True, text=True, check=True, timeout=_CONNECT_S)
    except subprocess.TimeoutExpired:
        raise ResourceError(
            f"what answers at {address} is no Ray cluster, or takes no driver from here: check "
            f"the address, RAY_AUTH_TOKEN, and that this machine is one of its nodes"
        ) from None
    except subprocess.CalledProcessError as error:
        cause = error.stderr.strip().splitlines()[-1]
        raise ResourceError(f"cannot use Ray at {address}: {cause}") from None


@contextmanager
def _ray_cluster(settings: Settings) -> Iterator[None]:
    import ray
    from ray.exceptions import RayError

    if ray.is_initialized():
        yield
        return
    on_terminate = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(
            address=settings.address or "local",
            # Ray Train frees the workers of a stopped trial through the dashboard's state API.
            include_dashboard=None if settings.address else settings.workers_per_trial > 1,
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    except (OSError, RuntimeError, ValueError, RayError) as error:
        where = settings.address or "a local cluster"
        raise ResourceError(f"cannot use Ray at {where}: {error}") from error
    # Ray takes SIGTERM for itself, and would die of it without a word.
    signal.signal(signal.SIGTERM, on_terminate)
    try:
        yield
    finally:
        ray.shutdown()


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
