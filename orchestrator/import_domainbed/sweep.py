"""Reads the folder of a DomainBed sweep: a sub-folder per job, ``done`` in those that ended."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator.domainbed_log import RESULTS, Job, SweepError, read_log
from orchestrator.import_domainbed.environment import versions_in
from orchestrator.import_domainbed.identity import legacy_job_md5, sweep_args

_MD5 = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, kw_only=True)
class LoggedJob:
    """A job and the file it was read from.

    Args:
        content: of ``results.jsonl``.
        done: it ran to its end.
        written_ms: when the file was last written, milliseconds since the epoch.
        versions: what it ran on.
    """

    job: Job
    content: bytes
    done: bool
    written_ms: int
    versions: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """What is to be imported.

    Args:
        jobs: by name.
        unfinished: folders without ``done`` that were left out, with what is in them.
        notes: what is unusual about the others, one line each.
    """

    jobs: tuple[LoggedJob, ...]
    unfinished: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def digest(self) -> str:
        """sha256 (hex) of the names and logs of all jobs: the same wherever the folder lies."""
        total = hashlib.sha256()
        for logged in self.jobs:
            log = hashlib.sha256(logged.content).hexdigest()
            total.update(f"{logged.job.name} {log} {logged.done}\n".encode())
        return total.hexdigest()


def read_sweep(folder: Path, include_unfinished: bool) -> Sweep:
    """Read every job of a sweep.

    Args:
        include_unfinished: read jobs without ``done`` as well, as far as they came.

    Raises:
        SweepError: there is no job to import, a log is damaged, or two folders hold one job.
    """
    jobs: list[LoggedJob] = []
    unfinished: list[str] = []
    notes: list[str] = []
    for path in _job_folders(folder):
        done = (path / "done").is_file()
        if done or (include_unfinished and (path / RESULTS).is_file()):
            logged, left_out = _read_job(path, done)
            jobs.append(logged)
            notes += _notes(logged, left_out)
        else:
            unfinished.append(_what_is_in(path))
    if not jobs:
        raise SweepError(
            f"{folder}: none of {len(unfinished)} jobs has a file 'done'. Use "
            "--include-unfinished to import them as far as they came"
            if unfinished
            else f"{folder}: has no sub-folder with a {RESULTS}: name the output folder of a sweep"
        )
    _refuse_twins(jobs)
    return Sweep(jobs=tuple(jobs), unfinished=tuple(unfinished), notes=tuple(notes))


def _job_folders(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise SweepError(f"{folder}: is not a folder")
    if (folder / RESULTS).exists():
        raise SweepError(f"{folder}: is the folder of one job: name the folder it is in")
    try:
        inside = sorted(path for path in folder.iterdir() if path.is_dir())
    except OSError as error:
        raise SweepError(f"{folder}: cannot be read: {error.strerror}") from None
    return [path for path in inside if (path / RESULTS).exists() or _MD5.fullmatch(path.name)]


def _read_job(folder: Path, done: bool) -> tuple[LoggedJob, int]:
    """Return the job and how many lines of earlier launches were left out."""
    file = folder / RESULTS
    try:
        content = file.read_bytes()
        text = content.decode()
        written_ms = file.stat().st_mtime_ns // 1_000_000
        out = folder / "out.txt"
        printed = out.read_text(errors="replace") if out.is_file() else ""
    except OSError as error:
        raise SweepError(f"{file}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SweepError(f"{file}: is not a text file in UTF-8") from None
    log = read_log(text, str(file), folder.name)
    logged = LoggedJob(
        job=log.job,
        content=content,
        done=done,
        written_ms=written_ms,
        versions=versions_in(printed),
    )
    return logged, log.left_out


def _notes(logged: LoggedJob, left_out: int) -> list[str]:
    name = logged.job.name
    notes = []
    if left_out:
        notes.append(
            f"{name}: the job was launched again into its folder; lines 1 to {left_out} are of "
            "an earlier launch and left out"
        )
    if _MD5.fullmatch(name) and name != legacy_job_md5(sweep_args(logged.job.args)):
        notes.append(f"{name}: the folder has not the name that a sweep gives this job")
    if not logged.done:
        notes.append(f"{name}: unfinished, last record at step {logged.job.records[-1].step}")
    return notes


def _what_is_in(folder: Path) -> str:
    file = folder / RESULTS
    if not file.is_file():
        return f"{folder.name}: no {RESULTS}"
    with file.open("rb") as lines:
        count = sum(1 for _ in lines)
    return f"{folder.name}: {count} records, no 'done'"


def _refuse_twins(jobs: Iterable[LoggedJob]) -> None:
    names: defaultdict[tuple[object, ...], list[str]] = defaultdict(list)
    for logged in jobs:
        job = logged.job
        names[job.setting, job.test_envs, job.trial_seed, job.hparams_seed].append(job.name)
    for same in names.values():
        if len(same) > 1:
            raise SweepError(
                f"folders {' and '.join(same)} hold the same job: keep the one that counts"
            )
