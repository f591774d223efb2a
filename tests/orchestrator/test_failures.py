"""What errors of a group of ranks are taken for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from orchestrator.failures import classify_failure, forget_failures, group_failure, note_failure
from orchestrator.messages import Failure

RANK = """
import os, pathlib, signal, sys, time
import torch, torch.distributed as dist
from orchestrator.failures import classify_failure
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
    (folder / "kind").write_text(classify_failure(error).kind)
os._exit(0)
"""


def test_a_rank_whose_peer_was_killed_does_not_count_as_a_bug(tmp_path: Path) -> None:
    environment = os.environ | {"GLOO_SOCKET_IFNAME": "lo"}
    command = [sys.executable, "-c", RANK]
    ranks = [
        subprocess.Popen([*command, str(rank), str(tmp_path)], env=environment) for rank in (0, 1)
    ]
    for process in ranks:
        process.wait(100)
    assert (tmp_path / "kind").read_text() == "infrastructure"


def test_a_helper_of_the_group_that_died_with_it_does_not_count_as_a_bug() -> None:
    import ray.exceptions

    late = RuntimeError("a report was not taken")
    late.__cause__ = ray.exceptions.ActorDiedError()
    assert classify_failure(late).kind == "infrastructure"
    assert classify_failure(ray.exceptions.ActorUnavailableError("away", None)).kind == (
        "infrastructure"
    )


def test_a_failure_of_a_task_is_what_the_task_failed_of() -> None:
    import ray.exceptions

    error = ray.exceptions.RayTaskError("f", "shapes differ", ValueError("shapes differ"))
    assert classify_failure(error).kind == "bug"


def test_what_a_rank_says_of_itself_comes_before_lost_peers(tmp_path: Path) -> None:
    note_failure(tmp_path, 0, Failure(kind="infrastructure", error="connection closed by peer"))
    note_failure(tmp_path, 1, Failure(kind="out_of_memory", error="no", splittable=True))
    assert group_failure(tmp_path) == Failure(kind="out_of_memory", error="no", splittable=True)


def test_a_group_without_another_cause_has_lost_a_peer(tmp_path: Path) -> None:
    lost = Failure(kind="infrastructure", error="connection closed by peer")
    note_failure(tmp_path, 2, lost)
    assert group_failure(tmp_path) == lost
    forget_failures(tmp_path)
    assert group_failure(tmp_path) is None
