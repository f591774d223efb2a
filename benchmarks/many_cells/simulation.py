"""Run a study's queue against a simulated clock: searcher, scheduler, ASHA and ledger are real.

What is simulated is the cluster: slots that are never lost, trials that take a drawn time and
report a formula, a driver that takes no time. Ray Tune is left out.
"""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace

from many_cells.study import STEPS, score
from orchestrator.ledger import Ledger
from orchestrator.messages import Final, Report, pack, unpack_work
from orchestrator.plan import Plan
from orchestrator.queue.cell_progress import Work
from orchestrator.queue.study_queue import StudyQueue
from orchestrator.scheduler import StudyScheduler
from orchestrator.searcher import StudySearcher


@dataclass(kw_only=True)
class Ran:
    """A trial that held a slot."""

    work: Work
    tune_config: dict[str, str]
    start_s: float
    length_s: float
    """Of the whole trial; one that is stopped ends before."""
    end_s: float = 0.0

    @property
    def took_s(self) -> float:
        return self.end_s - self.start_s


@dataclass(kw_only=True)
class Calls:
    """CPU seconds of the driver in each call of one kind."""

    suggest: list[float] = field(default_factory=list)
    """Suggestions that handed out a trial."""
    idle: list[float] = field(default_factory=list)
    """Suggestions while nothing was ready."""
    result: list[float] = field(default_factory=list)
    """Reports, and the ends of trials."""


class Simulation:
    """One run of a plan.

    Args:
        plan: what to run.
        ledger: a new ledger.
        slots: trials at once.
        length_s: how long a trial takes if nothing stops it.
    """

    def __init__(
        self,
        plan: Plan,
        ledger: Ledger,
        slots: int,
        length_s: Callable[[Work], float],
    ) -> None:
        self.now_s = 0.0
        self.calls = Calls()
        self.ran: dict[str, Ran] = {}
        self._queue = StudyQueue(plan, ledger, clock=lambda: round(1000 * self.now_s))
        self._searcher, self._scheduler = StudySearcher(self._queue), StudyScheduler(self._queue)
        self._free, self._length_s = slots, length_s
        self._coming: list[tuple[float, int, Ran, int]] = []
        self._number = itertools.count()
        self._queue.open_session(plan.selection.to_json(), {})

    @property
    def finished(self) -> bool:
        """Whether every cell ended."""
        return self._queue.finished

    def run(self) -> None:
        """Go on until no trial is left."""
        self._fill()
        while self._coming:
            self.now_s, _, ran, step = heapq.heappop(self._coming)
            if self._hear(ran, step):
                ran.end_s = self.now_s
                self._free += 1
                self._fill()
            else:
                self._expect(ran, step + 1)

    def _fill(self) -> None:
        while self._free:
            with _timed() as seconds:
                config = self._searcher.suggest("")
            if not isinstance(config, dict):
                self.calls.idle += seconds
                return
            self.calls.suggest += seconds
            work = unpack_work(config)
            ran = self.ran[work.trial] = Ran(
                work=work,
                tune_config=config,
                start_s=self.now_s,
                length_s=self._length_s(work),
            )
            self._free -= 1
            self._expect(ran, 1)

    def _expect(self, ran: Ran, step: int) -> None:
        at_s = ran.start_s + ran.length_s * step / STEPS
        heapq.heappush(self._coming, (at_s, next(self._number), ran, step))

    def _hear(self, ran: Ran, step: int) -> bool:
        """Pass on a report; return whether the trial ends with it."""
        value = score(ran.work.config, step)
        trial = SimpleNamespace(config=ran.tune_config)
        report = pack(Report(step=step, metrics={"val/score": value}))
        with _timed() as seconds:
            stops = bool(self._scheduler.on_trial_result(None, trial, report) == "STOP")
            if not stops and step == STEPS:
                final = Final(metrics={"test/score": value}, artifacts=False)
                self._scheduler.on_trial_result(None, trial, pack(final))
        self.calls.result += seconds
        return stops or step == STEPS


@contextmanager
def _timed() -> Iterator[list[float]]:
    """Time a block: the list holds its CPU seconds afterwards."""
    seconds: list[float] = []
    begin = time.process_time()
    yield seconds
    seconds.append(time.process_time() - begin)
