"""The bridge between a Tune trial and a trainable: in process, or as ranks of a Ray Train group.

Runs on the worker. Whatever the trainable raises becomes a message, so the worker survives it and
serves the next trial; only the death of a worker reaches Tune as an error, which Tune retries.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from orchestrator.failures import (
    classify_failure,
    forget_failures,
    group_failure,
    is_lost_peer,
    note_failure,
)
from orchestrator.heartbeat import Heartbeat
from orchestrator.messages import Final, Message, Report, pack, unpack_gpus, unpack_work
from orchestrator.queue.cell_progress import Work
from trainables.context import Context, Locations
from trainables.errors import ResourceError

_LEAVE_S = "60"
"""How long a trial that was told to stop may take to leave its worker, as with data loaders."""


@dataclass(frozen=True, kw_only=True)
class TrialEnvironment:
    """What every trial of a run shares: folders and resources, nothing of identity."""

    folder: Path
    """The study's folder."""
    locations: Locations
    workers: int
    cpus_per_worker: float
    gpus_per_worker: float
    loader_workers: int
    compile: bool
    timeout_s: float
    """How long a trial may go without a report; 0: for ever."""


def make_trial_function(environment: TrialEnvironment) -> Callable[[Mapping[str, Any]], None]:
    """Return the function Tune runs for each trial."""

    def xenograft_trial(config: Mapping[str, Any]) -> None:
        os.environ.setdefault("TUNE_FUNCTION_THREAD_TIMEOUT_S", _LEAVE_S)
        work = unpack_work(config)
        own = replace(environment, gpus_per_worker=unpack_gpus(config))
        if environment.workers == 1:
            _run_in_process(work, own)
        else:
            _run_distributed(work, own)

    return xenograft_trial


def _run_in_process(work: Work, environment: TrialEnvironment) -> None:
    from ray import tune

    def emit(message: Message) -> None:
        tune.report(pack(message))

    _run(work, environment, emit, rank=0, world_size=1)


def _run_distributed(work: Work, environment: TrialEnvironment) -> None:
    # Without these a report waits 2 s for the controller's poll, and a watcher process idles.
    os.environ.setdefault("RAY_TRAIN_HEALTH_CHECK_INTERVAL_S", "0.1")
    os.environ.setdefault("RAY_TRAIN_ENABLE_PREEMPTION_WATCHER", "0")
    os.environ.setdefault("RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S", "300")
    _name_cluster()
    from ray import tune
    from ray.train import FailureConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchTrainer
    from ray.tune.integration.ray_train import TuneReportCallback

    from orchestrator.group_places import watch_places

    watch_places()
    resources = {"CPU": environment.cpus_per_worker}
    if environment.gpus_per_worker:
        resources["GPU"] = environment.gpus_per_worker
    trainer = TorchTrainer(
        _make_rank_function(work, environment),
        scaling_config=ScalingConfig(
            num_workers=environment.workers,
            use_gpu=environment.gpus_per_worker > 0,
            resources_per_worker=resources,
        ),
        run_config=RunConfig(
            name=work.trial,
            storage_path=str(environment.folder / "train"),
            callbacks=[TuneReportCallback()],
            # Tune retries the whole trial: one place counts, and bugs are not retried.
            failure_config=FailureConfig(max_failures=0),
        ),
    )
    folder = _trial_folder(work, environment)
    forget_failures(folder)
    try:
        trainer.fit()
    except Exception:
        failure = group_failure(folder)
        if failure is None:
            raise
        tune.report(pack(failure))


def _name_cluster() -> None:
    """Let what Ray Train starts ask this cluster whether a trial was stopped, to free its ranks.

    By itself it asks the one that ``ray start`` last noted on this machine, there or not any more,
    and the next trial waits for ever.
    """
    import ray
    from ray.train.v2._internal.constants import ENV_VARS_TO_PROPAGATE

    os.environ["RAY_ADDRESS"] = ray.get_runtime_context().gcs_address
    # It hands on no variables but those it knows.
    ENV_VARS_TO_PROPAGATE.add("RAY_ADDRESS")


def _make_rank_function(work: Work, environment: TrialEnvironment) -> Callable[[], None]:
    def xenograft_rank() -> None:
        import ray.train

        def emit(message: Message) -> None:
            ray.train.report(pack(message))

        group = ray.train.get_context()
        _run(
            work, environment, emit, rank=group.get_world_rank(), world_size=group.get_world_size()
        )

    return xenograft_rank


def _run(
    work: Work,
    environment: TrialEnvironment,
    emit: Callable[[Message], None],
    rank: int,
    world_size: int,
) -> None:
    context: Context | None = None
    try:
        context = make_context(work, environment, rank, world_size)
        final = _train(work, context, environment.timeout_s, emit)
    except Exception as error:
        failure = classify_failure(error)
        if context is not None and failure.kind == "out_of_memory":
            failure = replace(failure, splittable=context.splittable)
        if world_size == 1:
            emit(failure)
            return
        # Ranks must fail together, so this one raises; the note tells the driver trial why.
        # Without a note the group died, and Tune tries it again.
        if not is_lost_peer(error):
            note_failure(_trial_folder(work, environment), rank, failure)
        raise
    emit(final)


def _train(
    work: Work, context: Context, timeout_s: float, emit: Callable[[Message], None]
) -> Final:
    from trainables.registry import config_from, load_trainable

    def send(step: int, metrics: Mapping[str, float]) -> None:
        heart.beat()
        emit(Report(step=step, metrics=dict(metrics)))

    context.send = send
    with Heartbeat(context.folder, context.rank, timeout_s) as heart:
        config = config_from(work.trainable, work.config)
        metrics = load_trainable(work.trainable).run(config, context)
    return Final(
        metrics={name: float(value) for name, value in metrics.items()},
        artifacts=(context.folder / "artifacts").is_dir(),
    )


def _trial_folder(work: Work, environment: TrialEnvironment) -> Path:
    return environment.folder / "trials" / work.trial


def make_context(work: Work, environment: TrialEnvironment, rank: int, world_size: int) -> Context:
    """Make the trainable's context on this worker.

    Raises:
        ResourceError: a GPU was asked for and torch sees none.
    """
    _limit_threads(max(1, int(environment.cpus_per_worker)))
    device = "cpu"
    if environment.gpus_per_worker > 0:
        import torch

        if not torch.cuda.is_available():
            raise ResourceError("the trial holds a GPU but torch sees none: check driver and build")
        device = "cuda"
        # What the process's trial before this one held, which may have died of too much.
        gc.collect()
        torch.cuda.empty_cache()
        if environment.gpus_per_worker < 1:
            # Ray only counts shares: nothing else keeps a trial from its neighbours' memory.
            torch.cuda.set_per_process_memory_fraction(environment.gpus_per_worker)
    trials = environment.folder / "trials"
    return Context(
        trial_id=work.trial,
        seed=work.seed,
        replicate=work.index if work.phase == "replicate" else 0,
        folder=trials / work.trial,
        locations=environment.locations,
        final=work.phase == "replicate",
        inputs={name: trials / trial / "artifacts" for name, trial in work.inputs.items()},
        rank=rank,
        world_size=world_size,
        device=device,
        loader_workers=environment.loader_workers,
        micro_batches=work.micro_batches,
        compile=environment.compile,
    )


def _limit_threads(count: int) -> None:
    """Let torch compute in so many threads, whether it is imported by now or when it is needed."""
    os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(count)
    os.environ["MKL_DYNAMIC"] = "FALSE"  # or it takes no more than there are cores
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(count)
