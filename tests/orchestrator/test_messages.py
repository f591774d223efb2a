"""What trials say to the driver, and how their failures are told apart."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from local_executor import open_queue, toy_plan

from orchestrator.failures import classify_failure
from orchestrator.messages import (
    Failure,
    Final,
    Message,
    Report,
    pack,
    pack_work,
    unpack,
    unpack_trial,
    unpack_work,
)
from trainables.context import Locations, NonFiniteLossError
from trainables.errors import ConfigError, DatasetError, SealedTestError


@pytest.mark.parametrize(
    "message",
    [
        Report(step=3, metrics={"val/score": 0.1 + 0.2, "train/loss": 1e-300}),
        Final(metrics={"test/score": 1.0}, artifacts=True),
        Failure(kind="nan", error='loss is nan\n"quoted"'),
    ],
)
def test_a_message_survives_the_way_through_tune(message: Message) -> None:
    carried = json.loads(json.dumps(pack(message)))
    assert unpack({**carried, "done": False, "trial_id": "x"}) == message


def test_a_tune_result_without_a_message_is_none() -> None:
    assert unpack({"done": True}) is None


def test_a_metric_that_is_not_a_number_stays_one() -> None:
    got = unpack(pack(Report(step=1, metrics={"val/score": math.nan})))
    assert isinstance(got, Report)
    assert math.isnan(got.metrics["val/score"])


def test_work_survives_the_way_through_tune(tmp_path: Path, locations: Locations) -> None:
    work = open_queue(toy_plan(locations), tmp_path).next_work()
    assert work is not None
    assert unpack_work(pack_work(work)) == work
    assert unpack_trial(pack_work(work)) == (work.trial, work.attempt)


class OutOfMemoryError(RuntimeError):
    """Named as torch's."""


@pytest.mark.parametrize(
    ("error", "kind", "traceback"),
    [
        (NonFiniteLossError("loss is nan"), "nan", False),
        (DatasetError("3 pictures unreadable"), "data", False),
        (OutOfMemoryError("CUDA out of memory"), "out_of_memory", True),
        (MemoryError(), "out_of_memory", True),
        (ConfigError("lr must be > 0"), "bug", False),
        (SealedTestError("sealed"), "bug", False),
        (KeyError("x"), "bug", True),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_kinds_of_failures(error: Exception, kind: str, traceback: bool) -> None:
    try:
        raise error
    except Exception as raised:  # noqa: BLE001 - as the worker does
        failure = classify_failure(raised)
    assert failure.kind == kind
    assert ("Traceback" in failure.error) == traceback
    assert failure.error
