"""Tells a finished sweep as the events of a study, which tracking can ship to MLflow.

A cell's time is that of the import, which decides between two of the same cell. A trial's times are
what the logs leave: a job ended when its log was last written, and its records lie before that by
the durations of their steps.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from orchestrator.domainbed_log import Job, LogRecord
from orchestrator.domainbed_log.names import METRICS
from orchestrator.events import (
    CellEndEvent,
    CellEvent,
    EndEvent,
    Event,
    ReportEvent,
    SessionEvent,
    StartEvent,
)
from orchestrator.import_domainbed.cells import PICKED_BY, ImportedCell, tested
from orchestrator.import_domainbed.sweep import LoggedJob, Sweep
from orchestrator.report.model_selection import Choice, choose, source_validation
from orchestrator.tracking.names import IMPORTED
from trainables.config import digest

TRAINABLE = "domainbed"
DIGEST = "import.digest"
"""Provenance that says which sweep a run was imported from."""


def retell(sweep: Sweep, cells: Sequence[ImportedCell], study: str, now_ms: int) -> Iterator[Event]:
    """Yield the events of an import, in an order tracking understands.

    Args:
        now_ms: when the sweep is imported, milliseconds since the epoch.
    """
    yield SessionEvent(
        t=now_ms,
        study=study,
        selection={},
        provenance=_provenance(sweep),
    )
    for cell in cells:
        yield from _cell(cell, now_ms)


def trial_id(logged: LoggedJob) -> str:
    """Return the identity of a job: what was asked of it and what it logged."""
    return digest([logged.job.setting, logged.job.name, logged.content.decode()])[:32]


def _provenance(sweep: Sweep) -> dict[str, str]:
    versions: dict[str, dict[str, None]] = {}
    for logged in sweep.jobs:
        for name, version in logged.versions.items():
            versions.setdefault(name, {})[version] = None
    unfinished = [logged.job.name for logged in sweep.jobs if not logged.done]
    return {
        "import.source": "results.jsonl of a DomainBed sweep",
        DIGEST: sweep.digest,
        "import.jobs": str(len(sweep.jobs)),
        **({"import.unfinished": " ".join(unfinished)} if unfinished else {}),
        **{name: ", ".join(sorted(found)) for name, found in versions.items()},
    }


def _cell(cell: ImportedCell, now_ms: int) -> Iterator[Event]:
    yield CellEvent(
        t=now_ms,
        cell=cell.id,
        name=cell.name,
        places=[_place(cell, n) for n in range(len(cell.places))],
        trainable=TRAINABLE,
        version=1,
        recipe=IMPORTED,
        config={"setting": cell.first.setting, "test_envs": list(cell.first.test_envs)},
        objective={"metric": f"val/{METRICS[PICKED_BY]}", "mode": "max"},
        space={},
        # A log names its data and weights, and has no digest of either.
        data=[],
        weights=[],
    )
    for n in range(len(cell.jobs)):
        yield from _trial(cell, n)
    ids = {logged.job.name: trial_id(logged) for logged in cell.jobs}
    yield CellEndEvent(
        t=now_ms,
        cell=cell.id,
        state="complete" if cell.chosen else "failed",
        replicates=[ids[choice.job.name] for choice in cell.chosen],
        chosen={},
        reason="" if cell.chosen else "no record validates to a number",
    )


def _place(cell: ImportedCell, n: int) -> dict[str, Any]:
    place = cell.places[n]
    return {
        "experiment": place.experiment,
        "levels": dict(place.levels),
        "metric": place.metric,
        "published": None,
    }


def _trial(cell: ImportedCell, n: int) -> Iterator[Event]:
    """Tell of one job; one that its repetition did not choose was a search trial."""
    logged = cell.jobs[n]
    job, trial, times = logged.job, trial_id(logged), _times(logged)
    is_chosen = job.name in {choice.job.name for choice in cell.chosen}
    yield StartEvent(
        t=times[0],
        trial=trial,
        cell=cell.id,
        phase="replicate" if is_chosen else "search",
        index=job.trial_seed if is_chosen else n,
        seed=job.args["seed"],
        config=_config(logged),
        params={},
    )
    for number, (record, t) in enumerate(zip(job.records, times[1:], strict=True), start=1):
        metrics = _reported(job, record)
        yield ReportEvent(t=t, trial=trial, step=number, metrics=metrics)
    choice = choose("training-domain", [job], job.test_envs[0], PICKED_BY)
    yield _end(logged, trial, choice, is_chosen)


def _end(logged: LoggedJob, trial: str, choice: Choice | None, is_chosen: bool) -> EndEvent:
    job = logged.job
    common: dict[str, Any] = {
        "t": logged.written_ms,
        "trial": trial,
        "step": len(job.records),
        "artifacts": artifacts_of(trial),
    }
    if choice is None:
        error = f"val/{METRICS[PICKED_BY]} is NaN in all {len(job.records)} records"
        return EndEvent(state="failed", failure="nan", error=error, **common)
    metrics = {"selected_step": float(choice.record.step)}
    if is_chosen:
        metrics |= tested(job, choice.record)
    return EndEvent(state="complete", value=choice.validation, metrics=metrics, **common)


def artifacts_of(trial: str) -> str:
    """Return where the log of a trial lies in the folder of the import."""
    return f"trials/{trial}"


def _reported(job: Job, record: LogRecord) -> dict[str, float]:
    validated = {
        f"val/{name}": source_validation(record, job, short) for short, name in METRICS.items()
    }
    return {
        **validated,
        "train/loss": record.loss,
        "perf/step_s": record.step_s,
        "domainbed_step": float(record.step),
    }


def _config(logged: LoggedJob) -> dict[str, Any]:
    """Return everything the job was set to, the original's names prefixed."""
    return {
        "folder": logged.job.name,
        "done": logged.done,
        **{f"args.{name}": value for name, value in logged.job.args.items()},
        **{f"hparams.{name}": value for name, value in logged.job.hparams.items()},
    }


def _times(logged: LoggedJob) -> list[int]:
    """Return when the job started, then when each record was taken, in milliseconds."""
    records = logged.job.records
    times = [logged.written_ms]
    for n in range(len(records) - 1, -1, -1):
        before = records[n - 1].step if n else -1
        steps = records[n].step - before
        times.insert(0, times[0] - round(1000 * steps * records[n].step_s))
    return times
