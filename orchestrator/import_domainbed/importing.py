"""Brings a DomainBed sweep into a study's tracking store, once."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from orchestrator.domainbed_log import RESULTS, Job
from orchestrator.domainbed_log.names import DOMAINS, method_of
from orchestrator.events import Event, encode
from orchestrator.import_domainbed.cells import ImportedCell, arrange
from orchestrator.import_domainbed.places import check_dataset
from orchestrator.import_domainbed.retelling import DIGEST, artifacts_of, retell, trial_id
from orchestrator.import_domainbed.sweep import Sweep, read_sweep
from orchestrator.tracking import names
from orchestrator.tracking.shipper import Shipper
from orchestrator.tracking.store import connect, hide_password, init_store, mlflow_error
from search_spaces.study import Study
from trainables.data.atomic_file import replace_file
from trainables.errors import StorageError, TrackingError

_LEDGER = "ledger.jsonl"


@dataclass(frozen=True, kw_only=True)
class ImportedSweep:
    """What was imported.

    Args:
        new: the store did not have all of it before.
        refused: events that the store would not take.
    """

    sweep: Sweep
    cells: tuple[ImportedCell, ...]
    new: bool
    refused: int

    @property
    def named_jobs(self) -> list[Job]:
        """The jobs, with the study's names of method and domains."""
        jobs = (logged.job for logged in self.sweep.jobs)
        return [
            dataclasses.replace(job, method=method_of(job.method), domains=DOMAINS) for job in jobs
        ]


def import_sweep(
    source: Path,
    study: Study,
    study_folder: Path,
    tracking_uri: str,
    *,
    include_unfinished: bool = False,
) -> ImportedSweep:
    """Read a sweep and ship it to the tracking store, beside what the study ran itself.

    Nothing is written before all of it was read. What an earlier import of the same logs delivered
    is not delivered again, whatever folder or machine it came from.

    Args:
        study_folder: the import is kept below it, in ``imported/<digest>``.

    Raises:
        SweepError: there is nothing to import, or something of it is damaged.
        StorageError: the folder cannot be written.
        TrackingError: the store cannot be used or reached; importing again goes on from there.
    """
    sweep = read_sweep(source, include_unfinished)
    for logged in sweep.jobs:
        check_dataset(logged.job)
    cells = tuple(arrange(sweep.jobs, study))
    folder = study_folder / "imported" / sweep.digest[:16]
    try:
        init_store(tracking_uri)
        if not (folder / _LEDGER).exists():
            if _is_in_store(tracking_uri, study.name, sweep.digest, len(cells)):
                return ImportedSweep(sweep=sweep, cells=cells, new=False, refused=0)
            now_ms = time.time_ns() // 1_000_000
            _write(folder, sweep, retell(sweep, cells, study.name, now_ms))
        new, refused = _ship(folder, tracking_uri, study.name)
    except mlflow_error() as error:
        raise TrackingError(
            f"the tracking store {hide_password(tracking_uri)} cannot be reached: {error}. Import "
            "again when it can: what is delivered is not delivered twice"
        ) from error
    return ImportedSweep(sweep=sweep, cells=cells, new=new, refused=refused)


def _is_in_store(tracking_uri: str, study: str, digest: str, cells: int) -> bool:
    """Say whether another storage has imported all of the same logs."""
    client = connect(tracking_uri)
    experiment = client.get_experiment_by_name(names.experiment_name(study))
    if experiment is None:
        return False
    query = (
        f"tags.`{names.PROVENANCE}{DIGEST}` = '{digest}' and tags.`{names.KIND}` = 'cell' "
        f"and tags.`{names.STATE}` != 'running'"
    )
    return len(client.search_runs([experiment.experiment_id], query, max_results=cells)) == cells


def _write(folder: Path, sweep: Sweep, events: Iterable[Event]) -> None:
    """Write the logs, then the events about them, which are what makes an import exist."""
    try:
        for logged in sweep.jobs:
            file = folder / artifacts_of(trial_id(logged)) / RESULTS
            file.parent.mkdir(parents=True, exist_ok=True)
            _write_whole(file, logged.content)
        text = "".join(encode(event) + "\n" for event in events)
        _write_whole(folder / _LEDGER, text.encode())
    except OSError as error:
        raise StorageError(f"cannot write {folder}: {error.strerror}") from error


def _write_whole(file: Path, content: bytes) -> None:
    def write(path: Path) -> None:
        path.write_bytes(content)

    replace_file(file, write)


def _ship(folder: Path, tracking_uri: str, study: str) -> tuple[bool, int]:
    """Deliver what the store lacks; return whether that was anything, and what it refused."""
    shipper = Shipper(
        ledger_path=folder / _LEDGER,
        tracking_uri=tracking_uri,
        study=study,
        state_path=folder / "tracking.json",
        # Logs of a sweep name no pictures.
        hash_names=False,
    )
    before = shipper.refused
    new = False
    while shipper.ship():
        new = True
    return new, shipper.refused - before
