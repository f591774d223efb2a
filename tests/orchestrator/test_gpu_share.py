"""A trial that shares a GPU may only take its share of the memory."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from local_executor import open_queue, toy_plan, trial_environment

from orchestrator.trial import make_context
from trainables.context import Locations


@pytest.mark.parametrize(("gpus", "limits"), [(0.25, [0.25]), (1.0, []), (2.0, []), (0.0, [])])
def test_the_share_of_a_gpu_bounds_its_memory(
    gpus: float,
    limits: list[float],
    tmp_path: Path,
    locations: Locations,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[float] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", seen.append)
    work = open_queue(toy_plan(locations), tmp_path).next_work()
    assert work is not None
    environment = trial_environment(tmp_path, locations, gpus=gpus)
    context = make_context(work, environment, rank=0, world_size=1)
    assert seen == limits
    assert context.device == ("cuda" if gpus else "cpu")
