"""What is done to a study while it runs; every scenario ends with the study at its end."""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from chaos_disk import fill, small_disk
from chaos_driver import Arena
from chaos_invariants import Verdict, judge
from chaos_services import MlflowServer, Postgres, RayCluster

from orchestrator.events import EndEvent


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A way to disturb a study.

    Args:
        disturb: runs the study to its end; returns the tracking store's address if it is not the
            one in the storage.
        kinds: what the report must count.
        most_lost: steps a trial may take twice for one fault. One is the step that was under way.
    """

    disturb: Callable[[Arena], str | None]
    kinds: tuple[str, ...] = ()
    most_lost: int = 1


def _kill_workers(arena: Arena) -> None:
    arena.start("run")
    for _ in range(3):
        arena.until_reports(4, 12)
        arena.kill_worker()
    arena.finish()


def _kill_driver(arena: Arena) -> None:
    arena.start("run")
    for _ in range(2):
        arena.until_reports(3, 20)
        arena.kill_driver()
        arena.start("resume")
    arena.finish()


def _plant(fault: str, *, times: int = 2, options: tuple[str, ...] = ()) -> Callable[[Arena], None]:
    def disturb(arena: Arena) -> None:
        arena.options += options
        arena.start("run")
        for _ in range(times):
            arena.until_reports(2, 10)
            arena.plant(fault)
        arena.finish()

    return disturb


def _damaged_data(arena: Arena) -> None:
    arena.start("run")
    arena.until_reports(2, 20)
    arena.plant("data")
    arena.finish(1)
    arena.start("resume")
    arena.finish()


def _truncated_checkpoint(arena: Arena) -> None:
    arena.start("run")
    arena.until_reports(6, 24)
    arena.kill_driver()
    _truncate_checkpoints(arena)
    arena.start("resume")
    arena.finish()


def _truncated_features(arena: Arena) -> None:
    arena.start("run")
    arena.until_reports(3, 20)
    arena.kill_driver()
    _truncate_features(arena)
    arena.start("resume")
    arena.finish()


def _truncate_checkpoints(arena: Arena) -> None:
    """Cut off the newest checkpoint of every trial that is under way."""
    ended = {event.trial for event in arena.events(EndEvent)}
    for folder in (arena.study / "trials").iterdir():
        if folder.name not in ended:
            for checkpoint in sorted(folder.glob("checkpoints/step-*"))[-1:]:
                file = arena.random.choice(["tensors.safetensors", "state.json"])
                _truncate(arena, checkpoint / file)


def _truncate_features(arena: Arena) -> None:
    """Cut off every entry of the store."""
    for file in (arena.storage / "store" / "features").glob("*/features.safetensors"):
        _truncate(arena, file)


def _truncate(arena: Arena, file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)
    arena.faults += 1


def _kill_rank(arena: Arena) -> None:
    arena.options += ("--workers-per-trial", "2", "--cpus-per-worker", "0.5")
    # Starting a group of ranks takes a minute of these two cores.
    arena.selection += ("--only", "experiment=tuned", "--only", "name=a")
    arena.selection += ("--recipe", "paper", "--replicates", "1")
    arena.start("run")
    arena.until_reports(2, 3)
    arena.kill_worker(rank=1)
    arena.finish()


def _tracking_dies(arena: Arena) -> str:
    server = MlflowServer(arena)
    server.up()
    arena.options += ("--tracking-uri", server.uri)
    arena.start("run")
    arena.until_reports(2, 20)
    server.down()
    arena.faults += 1
    arena.until_reports(5, 15)
    server.up()
    _deliver(arena)
    server.down()
    return server.database


def _postgres_restarts(arena: Arena) -> str:
    postgres = Postgres(arena)
    server = MlflowServer(arena, postgres.uri)
    server.up()
    arena.options += ("--tracking-uri", server.uri)
    arena.start("run")
    for _ in range(2):
        arena.until_reports(2, 15)
        postgres.restart()
        arena.faults += 1
    _deliver(arena)
    return server.uri


def _deliver(arena: Arena) -> None:
    """Let the driver end; what its tracking store missed is delivered by the next one."""
    if arena.finish(0, 1) == 1:
        arena.start("resume")
        arena.finish()


def _disk_full(arena: Arena) -> None:
    arena.storage.mkdir()
    with small_disk(arena.storage, "16m"):
        arena.start("run")
        arena.until_reports(3, 20)
        filler = arena.storage / "filler"
        fill(filler)
        arena.faults += 1
        # Whichever meets it first: trials that cannot write checkpoints, or the ledger itself.
        arena.finish(1, 2)
        filler.unlink()
        arena.start("resume")
        arena.finish()
        shutil.copytree(arena.storage, arena.folder / "kept")
    (arena.folder / "kept").rename(arena.storage)


def _lose_node(arena: Arena) -> None:
    cluster = RayCluster(arena)
    arena.options += ("--address", cluster.address)
    arena.start("run")
    arena.until_reports(4, 30)
    cluster.lose_a_node()
    arena.finish()


def _everything(arena: Arena) -> None:
    arena.start("run")
    arena.until_reports(2, 6)
    arena.plant("nan")
    arena.until_reports(1, 4)
    arena.plant("memory")
    arena.kill_worker()
    arena.until_reports(3, 8)
    arena.kill_driver()
    _truncate_checkpoints(arena)
    _truncate_features(arena)
    arena.start("resume")
    arena.finish()


EVERYTHING = "much at once"
"""As much as fits into one run and its resumption: the short version of the suite."""

SCENARIOS: dict[str, Scenario] = {
    "trial worker killed": Scenario(disturb=_kill_workers, kinds=("infrastructure",)),
    "driver killed": Scenario(disturb=_kill_driver),
    "loss is not a number": Scenario(disturb=_plant("nan"), kinds=("nan",)),
    "checkpoint truncated": Scenario(disturb=_truncated_checkpoint, most_lost=2),
    "store entry truncated": Scenario(disturb=_truncated_features),
    "MLflow server killed": Scenario(disturb=_tracking_dies),
    "out of memory": Scenario(disturb=_plant("memory"), kinds=("out_of_memory",)),
    "data damaged": Scenario(disturb=_damaged_data, kinds=("data",)),
    "trial hangs": Scenario(
        disturb=_plant("hang", times=1, options=("--trial-timeout", "0.2")), kinds=("hung",)
    ),
    "DDP rank killed": Scenario(disturb=_kill_rank, kinds=("infrastructure",)),
    "disk full": Scenario(disturb=_disk_full),
    "node killed, raylet and all": Scenario(disturb=_lose_node, kinds=("infrastructure",)),
    "Postgres restarted": Scenario(disturb=_postgres_restarts),
    EVERYTHING: Scenario(disturb=_everything, kinds=("nan", "out_of_memory"), most_lost=2),
}


@dataclass(frozen=True, kw_only=True)
class Ordeal:
    """What a study came to that was disturbed.

    Args:
        wrong: what should hold and does not; its folder is kept then.
    """

    faults: int
    verdict: Verdict
    wrong: tuple[str, ...]


def put_through(scenario: Scenario, seed: int) -> Ordeal:
    """Run a study with a scenario's faults, at moments that depend on the seed.

    Raises:
        AssertionError: it did not come to its end.
    """
    # A short path, because those of Ray's sockets have at most 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    arena = Arena(folder=folder, random=random.Random(seed))
    try:
        uri = scenario.disturb(arena)
        verdict = judge(arena, uri or "")
    finally:
        arena.close()
    wrong = list(verdict.problems)
    if verdict.duplicates or verdict.leftovers:
        wrong.append(f"{verdict.duplicates} duplicates, {verdict.leftovers} leftovers")
    if verdict.lost > scenario.most_lost:
        wrong.append(f"{verdict.lost} steps lost for one fault")
    if missing := [kind for kind in scenario.kinds if not verdict.kinds[kind]]:
        wrong.append(f"{missing} not in the report, which has {dict(verdict.kinds)}")
    if wrong:
        wrong.append(f"see {folder}")
    else:
        shutil.rmtree(folder)
    return Ordeal(faults=arena.faults, verdict=verdict, wrong=tuple(wrong))
