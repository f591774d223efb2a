"""Drivers of the chaos study in processes of their own, and what can be done to them.

Every process a driver starts inherits ``CHAOS_RUN`` in its environment, which is how they are
found again, and how none but them is ever killed.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chaos_stores import copy_ready_store

from orchestrator.events import EndEvent, Event, ReportEvent, StartEvent
from orchestrator.ledger import Ledger

ROOT = Path(__file__).parents[2]
TOY = ROOT / "tests" / "toy"
if str(TOY) not in sys.path:
    sys.path.append(str(TOY))
STUDY = "toy_package.chaos_study"
LIMIT_S = 900
"""Of anything that is waited for; two busy cores need some minutes for a whole run."""


@dataclass(kw_only=True)
class Arena:
    """One study that is disturbed.

    Args:
        folder: everything is below it.
        random: of the moments at which faults happen.
        options: of ``run`` and ``resume``, beside the storage.
        selection: of ``run``.
        environment: of every process that is started.
    """

    folder: Path
    random: random.Random
    options: tuple[str, ...] = ()
    selection: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    driver: subprocess.Popen[bytes] | None = None
    faults: int = 0
    sessions: int = 0
    helpers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    at_end: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    _killed: set[str] = field(default_factory=set)
    _known: list[Event] = field(default_factory=list)
    _known_size: int = 0

    @property
    def storage(self) -> Path:
        return self.folder / "runs"

    @property
    def study(self) -> Path:
        return self.storage / "chaos"

    @property
    def mlflow(self) -> str:
        return f"sqlite:///{self.storage / 'mlflow.db'}"

    def events(self, kind: type[Any]) -> list[Any]:
        """Return the ledger's events of a kind. Reads it only when it has grown, as many ask."""
        path = self.study / "ledger.jsonl"
        size = path.stat().st_size if path.exists() else 0
        if size != self._known_size:
            self._known = [event for _, event in Ledger(path).read()]
            self._known_size = size
        return [event for event in self._known if isinstance(event, kind)]

    def start(self, verb: str) -> None:
        """Start a driver that runs or resumes the study."""
        self.sessions += 1
        store = self.storage / "mlflow.db"
        if not store.exists():
            copy_ready_store(store)
        selection = self.selection if verb == "run" else ()
        command = [sys.executable, "-m", "orchestrator.cli", verb, STUDY, *self.options, *selection]
        self.driver = self._spawn([*command, "--storage", str(self.storage)], self._session)

    def help(self, command: list[str]) -> subprocess.Popen[bytes]:
        """Start something that the drivers use."""
        helper = self._spawn(command, f"{self._mark}-helper")
        self.helpers.append(helper)
        return helper

    def stop(self, helper: subprocess.Popen[bytes]) -> None:
        """Kill something that was started to help, with all it has started."""
        os.killpg(helper.pid, signal.SIGKILL)
        helper.wait(timeout=LIMIT_S)
        self.helpers.remove(helper)

    @property
    def _mark(self) -> str:
        return f"CHAOS_RUN={self.folder.name}"

    @property
    def _session(self) -> str:
        return f"{self._mark}-{self.sessions}"

    def _spawn(self, command: list[str], mark: str) -> subprocess.Popen[bytes]:
        for name in ("home", "faults"):
            (self.folder / name).mkdir(exist_ok=True)
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("RAY_", "XENOGRAFT_"))}
        own = {
            "HOME": str(self.folder / "home"),
            "CHAOS_FAULTS": str(self.folder / "faults"),
            "CHAOS_RUN": mark.partition("=")[2],
            "PYTHONPATH": os.pathsep.join([str(TOY), str(ROOT)]),
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            "OMP_NUM_THREADS": "1",
        }
        with (self.folder / "driver.log").open("ab") as log:
            return subprocess.Popen(
                command,
                cwd=self.folder,
                env={**kept, **own, **self.environment},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def finish(self, *expected: int) -> int:
        """Wait for the driver's end with an exit code, 0 unless told; return it."""
        assert self.driver is not None
        driver = self.driver
        self.until(lambda: driver.poll() is not None, "the driver to end")
        if driver.returncode not in (expected or (0,)):
            raise AssertionError(f"exit {driver.returncode}, see {self.folder}:\n{self.said()}")
        return driver.returncode

    def kill_driver(self) -> None:
        """Kill the driver as a power cut would, and see that trials at work go with it.

        Workers that are just starting take half a minute to miss it, which nothing waits for but
        the last look at what is left over.
        """
        assert self.driver is not None
        self.driver.kill()
        self.driver.wait(timeout=LIMIT_S)
        self.faults += 1
        self._killed.add(self._session)
        pids = self._pids(0)
        self.until(lambda: not pids & set(self.processes()), "trials to follow their driver")

    def said(self) -> str:
        return (self.folder / "driver.log").read_text()[-3000:]

    def until(self, condition: Callable[[], Any], what: str, limit_s: float = LIMIT_S) -> Any:
        """Wait for something and return it."""
        deadline = time.monotonic() + limit_s
        while not (found := condition()):
            if time.monotonic() > deadline:
                raise AssertionError(
                    f"waited {limit_s:g} s for {what}, see {self.folder}:\n{self.said()}"
                )
            time.sleep(0.1)
        return found

    def until_reports(self, low: int, high: int) -> None:
        """Wait until a random number of further reports has come, and a bit longer."""
        wanted = len(self.events(ReportEvent)) + self.random.randint(low, high)
        self.until_running(lambda: len(self.events(ReportEvent)) >= wanted, f"{wanted} reports")
        time.sleep(self.random.uniform(0, 0.3))

    def until_running(self, condition: Callable[[], Any], what: str) -> Any:
        """Wait for something that happens before the driver ends."""

        def check() -> Any:
            assert self.driver is not None
            found = condition()
            if not found and self.driver.poll() is not None:
                raise AssertionError(f"the driver ended before {what}:\n{self.said()}")
            return found

        return self.until(check, what)

    def plant(self, fault: str) -> None:
        """Plant a fault and wait until a trial has met it."""
        (self.folder / "faults" / fault).touch()
        self.faults += 1
        met = self.folder / "faults"
        self.until_running(lambda: list(met.glob(f"{fault}.*")), f"a trial to meet '{fault}'")
        for path in met.glob(f"{fault}.*"):
            path.rename(met / f"met-{self.faults}-{path.name}")

    def kill_worker(self, rank: int = 0) -> None:
        """Kill -9 a process that takes the steps of a trial just now."""
        pid = self.until_running(lambda: self._pid_at_work(rank), "a trial at work")
        os.kill(pid, signal.SIGKILL)
        self.faults += 1

    def _pid_at_work(self, rank: int) -> int | None:
        ours = self._pids(rank) & set(self.processes())
        return self.random.choice(sorted(ours)) if ours else None

    def _pids(self, rank: int) -> set[int]:
        """Return who takes, or took, the steps of trials that have not ended."""
        ended = {event.trial for event in self.events(EndEvent)}
        started = {event.trial for event in self.events(StartEvent)} - ended
        paths = [self.study / "trials" / trial / f"pid-{rank}" for trial in started]
        return {int(path.read_text() or 0) for path in paths if path.exists()}

    def processes(self) -> list[int]:
        """Return the live processes that drivers have started: Ray's and trials, not the drivers.

        Without those of helpers, which are there for as long as they are wanted, and without the
        agents of Ray whose driver was killed, which take a minute to give up.
        """
        drivers = {self.driver.pid} if self.driver is not None else set()
        found = [(pid, mark) for pid, mark in self._marked() if "helper" not in mark]
        return [
            pid
            for pid, mark in found
            if pid not in drivers and not (mark in self._killed and _is_agent(pid))
        ]

    def _marked(self) -> list[tuple[int, str]]:
        own = self._mark.encode()
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                inside = (folder / "environ").read_bytes().split(b"\0")
                found += [(int(folder.name), e.decode()) for e in inside if e.startswith(own)]
        return found

    def close(self) -> None:
        """Kill whatever is left."""
        for helper in list(self.helpers):
            self.stop(helper)
        if self.driver is not None and self.driver.poll() is None:
            self.driver.kill()
            self.driver.wait(timeout=LIMIT_S)
        for pid, _ in self._marked():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.at_end.close()


def _is_agent(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return b"Agent" in (Path("/proc") / str(pid) / "cmdline").read_bytes()
    return False
