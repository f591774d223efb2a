"""How a study of many cells would run on many slots, by simulation; and what the driver pays.

Searcher, scheduler, queue, Optuna, ASHA and ledger are the product's. The cluster is simulated: no
trial is run, no slot is lost, the driver takes no simulated time, and Ray Tune is left out. Lengths
of trials are lognormal (median 10 minutes; three times that where other cells need the trial), or
drawn from those of the complete trials of a ledger.

Whole studies are run, of so many cells on so many slots. The bound is the larger of two that no
order of the same trials can beat: their time over the slots, and the longest chain of trials that
need each other. "Cell by cell" gives the same trials to a scheduler that holds one cell at a time.

The driver's cost is CPU time per call. Studies that only repeat the paper's config leave Optuna and
ASHA out of it, so that what the number of cells adds can be seen. It takes three minutes of CPU.

Run: python benchmarks/scale.py [--lengths LEDGER] [--figure docs/scaling.svg]
"""

from __future__ import annotations

import argparse
import heapq
import math
import random
import statistics
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from many_cells.simulation import Calls, Ran, Simulation
from many_cells.study import PART

from orchestrator.events import EndEvent, StartEvent
from orchestrator.ledger import Ledger
from orchestrator.plan import Plan, make_plan
from orchestrator.queue.cell_progress import Work
from orchestrator.selection import RecipeName, Selection
from orchestrator.settings import resolve
from trainables.config import seed_from

CELLS, SLOTS = 1000, 1000
RUNS: tuple[tuple[RecipeName, int, int], ...] = (
    ("search", CELLS, 10),
    ("search", CELLS, 100),
    ("search", CELLS, SLOTS),
    ("paper", 100, SLOTS),
    ("paper", 1000, SLOTS),
    ("paper", 10_000, SLOTS),
)
"""Recipe, cells and slots of each study."""
MEDIAN_S, SIGMA = 600.0, 0.7


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How long a study takes on so many slots, in simulated seconds, and what the driver pays."""

    recipe: RecipeName
    cells: int
    slots: int
    trials: int
    ours_s: float
    work_s: float
    chain_s: float
    one_cell_s: float
    calls: Calls

    @property
    def bound_s(self) -> float:
        return max(self.work_s / self.slots, self.chain_s)


def plan(folder: Path, recipe: RecipeName, cells: int) -> Plan:
    parts = PART.levels[: cells // 100]
    selection = Selection(study="many_cells.study", only={"part": parts}, recipe=recipe)
    return make_plan(selection, resolve({"storage": folder}, {}, folder).settings.locations)


def lognormal(work: Work) -> float:
    """Draw a length by the trial's id, so that no order of trials changes it."""
    drawn = random.Random(seed_from(work.trial)).lognormvariate(math.log(MEDIAN_S), SIGMA)
    return 3 * drawn if work.config["cell"].startswith("pretrain") else drawn


def recorded(path: Path) -> Callable[[Work], float]:
    """Return how to draw the length of a trial from those of a ledger's complete trials."""
    starts: dict[str, int] = {}
    lengths_s: list[float] = []
    for _, event in Ledger(path).read():
        if isinstance(event, StartEvent):
            starts[event.trial] = event.t
        elif isinstance(event, EndEvent) and event.state == "complete":
            lengths_s.append((event.t - starts[event.trial]) / 1000)
    if not lengths_s:
        raise SystemExit(f"{path}: no trial of it is complete, so there is no length to draw")
    return lambda work: random.Random(seed_from(work.trial)).choice(lengths_s)


def simulate(
    recipe: RecipeName, cells: int, slots: int, length_s: Callable[[Work], float]
) -> Outcome:
    with tempfile.TemporaryDirectory() as name:
        planned = plan(Path(name), recipe, cells)
        ledger = Ledger(Path(name) / "ledger.jsonl")
        simulation = Simulation(planned, ledger, slots, length_s)
        simulation.run()
        ledger.close()
    if not simulation.finished:
        raise SystemExit("not every cell ended, so there is no makespan")
    ran = list(simulation.ran.values())
    return Outcome(
        recipe=recipe,
        cells=cells,
        slots=slots,
        trials=len(ran),
        ours_s=simulation.now_s,
        work_s=sum(r.took_s for r in ran),
        chain_s=_longest_chain(planned, ran),
        one_cell_s=sum(_packed_s(phase, slots) for phase in _phases(ran).values()),
        calls=simulation.calls,
    )


def _phases(ran: Sequence[Ran]) -> dict[tuple[str, str], list[float]]:
    """Return the lengths of the trials of each cell's search, and of its replicates."""
    phases: dict[tuple[str, str], list[float]] = {}
    for r in ran:
        phases.setdefault((r.work.cell, r.work.phase), []).append(r.took_s)
    return phases


def _packed_s(lengths_s: Sequence[float], slots: int) -> float:
    """Return how long trials take that start in order, each as soon as a slot is free."""
    free = [0.0] * min(slots, len(lengths_s))
    for length_s in lengths_s:
        heapq.heapreplace(free, free[0] + length_s)
    return max(free)


def _longest_chain(planned: Plan, ran: Sequence[Ran]) -> float:
    """Return the longest way through the cells: of each, its longest trial of either phase."""
    phases = _phases(ran)
    ends_s: dict[str, float] = {}
    for cell in planned.cells:
        own_s = sum(max(phases.get((cell.id, p), [0.0])) for p in ("search", "replicate"))
        ends_s[cell.id] = own_s + max((ends_s[need] for need in cell.needs.values()), default=0.0)
    return max(ends_s.values())


def draw(outcomes: Sequence[Outcome], path: Path) -> None:
    """Draw both tables side by side."""
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "scale"
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    _draw_makespans(left, [o for o in outcomes if o.recipe == "search"])
    _draw_costs(right, [o for o in outcomes if o.recipe == "paper"])
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def _draw_makespans(axes: Any, outcomes: Sequence[Outcome]) -> None:
    slots = [o.slots for o in outcomes]
    for label, marker, values in (
        ("a cell after the other", "s", [o.one_cell_s / 3600 for o in outcomes]),
        ("Xenograft", "o", [o.ours_s / 3600 for o in outcomes]),
        ("bound", "_", [o.bound_s / 3600 for o in outcomes]),
    ):
        axes.loglog(slots, values, marker=marker, label=label)
    axes.set(xlabel="slots", ylabel="simulated hours", title=f"{CELLS:,} cells, searched")
    axes.legend(frameon=False)


def _draw_costs(axes: Any, outcomes: Sequence[Outcome]) -> None:
    cells = [o.cells for o in outcomes]
    for label, marker, calls in (
        ("a suggestion", "o", [o.calls.suggest for o in outcomes]),
        ("a report or end", "s", [o.calls.result for o in outcomes]),
    ):
        axes.loglog(cells, [1e3 * statistics.mean(c) for c in calls], marker=marker, label=label)
    axes.set(
        xlabel="cells",
        ylabel="CPU ms of the driver",
        title="Cost per call, not searched",
        ylim=(0.02, 20),
    )
    axes.legend(frameon=False)


def print_tables(outcomes: Sequence[Outcome]) -> None:
    print("simulated hours")
    print(
        f"{'recipe':8}{'cells':>6}{'slots':>7}{'trials':>8}{'work/slots':>12}{'chain':>7}{'ours':>9}"
        f"{'x bound':>9}{'cell by cell':>14}{'x bound':>9}"
    )
    for o in outcomes:
        work, chain, ours, one_cell = (
            s / 3600 for s in (o.work_s / o.slots, o.chain_s, o.ours_s, o.one_cell_s)
        )
        print(
            f"{o.recipe:8}{o.cells:6}{o.slots:7}{o.trials:8}{work:12.4g}{chain:7.3g}{ours:9.4g}"
            f"{o.ours_s / o.bound_s:9.2f}{one_cell:14.4g}{o.one_cell_s / o.bound_s:9.2f}"
        )
    print("\nCPU of the driver per call in ms, mean (99th percentile)")
    print(
        f"{'recipe':8}{'cells':>6}{'slots':>7}{'suggestion':>18}{'none ready':>18}"
        f"{'report or end':>18}"
    )
    for o in outcomes:
        calls = (o.calls.suggest, o.calls.idle, o.calls.result)
        texts = "".join(f"{_cost(seconds):>18}" for seconds in calls)
        print(f"{o.recipe:8}{o.cells:6}{o.slots:7}{texts}")
    for o in outcomes:
        if o.recipe == "search":
            ours_h, one_cell_h, bound_h = (s / 3600 for s in (o.ours_s, o.one_cell_s, o.bound_s))
            print(
                f"ROW | {o.cells:,} cells searched on {o.slots:,} slots, simulated "
                f"| {ours_h:.1f} h | cell by cell: {one_cell_h:.1f} h "
                f"| {one_cell_h / ours_h:.1f} | - | {bound_h:.1f} h, trials over slots"
            )


def _cost(seconds: Sequence[float]) -> str:
    if len(seconds) < 2:
        return "-"
    late = statistics.quantiles(seconds, n=100)[-1]
    return f"{1e3 * statistics.mean(seconds):.2f} ({1e3 * late:.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lengths", type=Path, help="a ledger to draw lengths of trials from")
    parser.add_argument("--figure", type=Path, help="where to draw, .svg or .png")
    parser.add_argument("--quick", action="store_true", help="the first study only")
    arguments = parser.parse_args()
    length_s = recorded(arguments.lengths) if arguments.lengths else lognormal
    outcomes = [simulate(*run, length_s) for run in RUNS[: 1 if arguments.quick else None]]
    print_tables(outcomes)
    if arguments.figure:
        draw(outcomes, arguments.figure)


if __name__ == "__main__":
    main()
