"""What errors of a group of ranks are taken for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.failures import forget_failures, group_failure, is_lost_peer, note_failure
from orchestrator.messages import Failure

RANK = """
import os, pathlib, signal, sys, time
import torch, torch.distributed as dist
from orchestrator.failures import is_lost_peer
rank, folder = int(sys.argv[1]), pathlib.Path(sys.argv[2])
store = dist.FileStore(str(folder / "store"), 2)
dist.init_process_group("gloo", rank=rank, world_size=2, store=store)
dist.all_reduce(torch.ones(1))
if rank == 1:
    os.kill(os.getpid(), signal.SIGKILL)
try:
    for _ in range(100):
        dist.all_reduce(torch.ones(1))
        time.sleep(0.05)
except Exception as error:
    (folder / "lost").write_text(str(is_lost_peer(error)))
os._exit(0)
"""


def test_a_rank_whose_peer_was_killed_says_nothing_of_the_cause(tmp_path: Path) -> None:
    environment = os.environ | {"GLOO_SOCKET_IFNAME": "lo"}
    command = [sys.executable, "-c", RANK]
    ranks = [
        subprocess.Popen([*command, str(rank), str(tmp_path)], env=environment) for rank in (0, 1)
    ]
    for process in ranks:
        process.wait(100)
    assert (tmp_path / "lost").read_text() == "True"


def test_a_rank_whose_group_was_ended_says_nothing_of_the_cause() -> None:
    import ray.exceptions

    late = RuntimeError("a report was not taken")
    late.__cause__ = ray.exceptions.ActorDiedError()
    assert is_lost_peer(late)
    assert is_lost_peer(ray.exceptions.ActorUnavailableError("away", None))


def test_a_rank_whose_group_is_taken_down_under_it_says_nothing_of_the_cause() -> None:
    from torch import distributed, ones

    with pytest.raises(ValueError, match="process group") as raised:
        distributed.all_reduce(ones(1))
    assert is_lost_peer(raised.value)


def test_errors_of_its_own_are_those_of_the_rank() -> None:
    import ray.exceptions

    assert not is_lost_peer(ray.exceptions.RayTaskError("f", "shapes", ValueError("shapes")))
    assert not is_lost_peer(RuntimeError("shapes differ"))
    assert not is_lost_peer(ValueError("shapes differ"))


def test_the_first_rank_that_failed_of_itself_says_why(tmp_path: Path) -> None:
    assert group_failure(tmp_path) is None
    note_failure(tmp_path, 2, Failure(kind="bug", error="shapes differ"))
    note_failure(tmp_path, 1, Failure(kind="out_of_memory", error="no", splittable=True))
    assert group_failure(tmp_path) == Failure(kind="out_of_memory", error="no", splittable=True)
    forget_failures(tmp_path)
    assert group_failure(tmp_path) is None
