"""``--compile``: refused where there is no compiler, heard of by trials."""

from __future__ import annotations

from pathlib import Path

import pytest
from local_executor import open_queue, toy_plan, trial_environment

from orchestrator.compiling import require_local_compiler
from orchestrator.estimate import estimate
from orchestrator.plan import make_plan
from orchestrator.selection import Selection
from orchestrator.settings import Settings, resolve
from orchestrator.trial import make_context
from trainables.context import Locations
from trainables.errors import ResourceError


@pytest.fixture
def no_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in ("CXX", "CC"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("no_compiler")
def test_a_plan_says_that_there_is_no_compiler(tmp_path: Path) -> None:
    settings = resolve({"storage": tmp_path, "compile": True}, {}, tmp_path).settings
    plan = make_plan(Selection(study="demo"), settings.locations)
    with pytest.raises(ResourceError, match=r"there is no g[+][+]: install .* --no-compile"):
        estimate(plan, settings)


@pytest.mark.usefixtures("no_compiler")
def test_other_nodes_are_not_asked() -> None:
    require_local_compiler(Settings(compile=True, address="10.0.0.1:6379"))
    require_local_compiler(Settings(compile=False))


@pytest.mark.parametrize("compile", [True, False])
def test_trials_hear_of_it(compile: bool, tmp_path: Path, locations: Locations) -> None:
    work = open_queue(toy_plan(locations), tmp_path).next_work()
    assert work is not None
    environment = trial_environment(tmp_path, locations, compile=compile)
    assert make_context(work, environment, rank=0, world_size=1).compile is compile
