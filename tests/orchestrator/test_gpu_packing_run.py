"""Trials with shares of their own through Ray Tune, on GPUs that Ray is told of."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

TESTS = Path(__file__).parents[1]
GPUS = 2


def test_trials_of_different_shares_fill_the_gpus_and_never_more(tmp_path: Path) -> None:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("RAY_")},
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": "b" * 64,
        "HOME": str(tmp_path),
        "PYTHONPATH": os.pathsep.join([str(TESTS.parent), str(TESTS / "toy")]),
    }
    script = TESTS / "orchestrator" / "packing_run.py"
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path / "runs")],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads((tmp_path / "runs" / "told.json").read_text())
    assert (told["finished"], told["failed"]) == (True, {})
    seen = told["seen"]
    assert {trial["share"] for trial in seen} == {1.0, 0.5, 0.25, 0.125}
    fullest = [
        sum(trial["share"] for trial in seen if gpu in trial["gpus"] and _at_work(trial, moment))
        for moment in (trial["from"] for trial in seen)
        for gpu in range(GPUS)
    ]
    assert max(fullest) == 1.0
    assert any(_together(a, b) for a in seen for b in seen if a is not b), "GPUs are shared"


def _at_work(trial: dict[str, Any], moment: float) -> bool:
    return bool(trial["from"] <= moment < trial["to"])


def _together(a: dict[str, Any], b: dict[str, Any]) -> bool:
    return a["gpus"] == b["gpus"] and _at_work(a, b["from"])
