"""Reads a job's ``results.jsonl``: one JSON object per line."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from orchestrator.domainbed_log.jobs import Job, LogMetric, LogRecord, Part, setting_of
from trainables.errors import XenograftError

RESULTS = "results.jsonl"

_MEASURED = re.compile(r"env(\d+)_(in|out)_(acc|f1m|f1w)")
_ARGS: Mapping[str, type] = {
    "algorithm": str,
    "dataset": str,
    "hparams_seed": int,
    "seed": int,
    "test_envs": list,
    "trial_seed": int,
}


class SweepError(XenograftError):
    """A log of DomainBed cannot be read, or holds what has no meaning here."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadLog:
    """What one file holds.

    Args:
        left_out: lines of earlier launches into the same folder; DomainBed appends, and a job that
            is launched again begins at its first step.
    """

    job: Job
    left_out: int


def read_log(text: str, file: str, name: str) -> ReadLog:
    """Read the content of a ``results.jsonl``.

    Args:
        file: what messages call it.
        name: of the job.

    Raises:
        SweepError: a line is not a record of DomainBed, or belongs to another job.
    """
    lines = text.splitlines()
    if not lines:
        raise SweepError(f"{file}: has no line")
    bodies = [_object(line, f"{file}, line {n}") for n, line in enumerate(lines, start=1)]
    records = [_record(body, f"{file}, line {n}") for n, body in enumerate(bodies, start=1)]
    first = bodies[0]
    for n, body in enumerate(bodies, start=1):
        if (body["args"], body["hparams"]) != (first["args"], first["hparams"]):
            raise SweepError(
                f"{file}, line {n}: args or hparams differ from line 1: two jobs wrote into one "
                "folder. Part them into a folder each"
            )
    begin = max((n for n in range(1, len(records)) if _goes_back(records, n)), default=0)
    job = Job(
        name=name,
        args=first["args"],
        hparams=first["hparams"],
        records=tuple(records[begin:]),
        setting=setting_of(first["args"]),
        method=first["args"]["algorithm"],
    )
    if not job.sources:
        raise SweepError(f"{file}, line 1: no env<i>_out_acc of an environment not in test_envs")
    return ReadLog(job=job, left_out=begin)


def _goes_back(records: list[LogRecord], n: int) -> bool:
    return records[n].step <= records[n - 1].step


def _object(line: str, where: str) -> dict[str, Any]:
    try:
        body = json.loads(line)
    except ValueError as error:
        raise SweepError(f"{where}: is not JSON: {error}") from None
    if not isinstance(body, dict):
        raise SweepError(f"{where}: is not a JSON object")
    for key, kind in {"args": dict, "hparams": dict, "step": int}.items():
        if not isinstance(body.get(key), kind) or isinstance(body[key], bool):
            raise SweepError(f"{where}: '{key}' is {_found(body, key)}")
    _check_args(body["args"], where)
    return body


def _check_args(args: Mapping[str, Any], where: str) -> None:
    for key, kind in _ARGS.items():
        if not isinstance(args.get(key), kind) or isinstance(args[key], bool):
            raise SweepError(f"{where}: 'args.{key}' is {_found(args, key)}")
    envs = args["test_envs"]
    if not envs or len(set(envs)) < len(envs) or not all(type(env) is int for env in envs):
        raise SweepError(f"{where}: 'args.test_envs' is {_found(args, 'test_envs')}")
    given = args.get("hparams")
    try:
        overrides = json.loads(given) if given else {}
    except (ValueError, TypeError):
        overrides = None
    if not isinstance(overrides, dict):
        raise SweepError(f"{where}: 'args.hparams' is {_found(args, 'hparams')}, not JSON in text")


def _record(body: Mapping[str, Any], where: str) -> LogRecord:
    values = {}
    for key in body:
        match = _MEASURED.fullmatch(key)
        if match:
            place = (int(match[1]), cast("Part", match[2]), cast("LogMetric", match[3]))
            values[place] = _number(body, key, where)
    for env in body["args"]["test_envs"]:
        if (env, "in", "acc") not in values:
            raise SweepError(f"{where}: 'env{env}_in_acc' is missing")
    return LogRecord(
        step=body["step"],
        values=values,
        loss=_number(body, "loss", where),
        step_s=_number(body, "step_time", where) if "step_time" in body else 0.0,
    )


def _number(body: Mapping[str, Any], key: str, where: str) -> float:
    """Return a number; NaN for null and, where it may be absent, for nothing."""
    value = body.get(key)
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise SweepError(f"{where}: '{key}' is {_found(body, key)}, not a number")
    return float(value)


def _found(body: Mapping[str, Any], key: str) -> str:
    return json.dumps(body[key])[:80] if key in body else "missing"
