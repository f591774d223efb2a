"""What the user sees while a study runs: a live panel on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import AbstractContextManager, nullcontext

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from orchestrator.events import CellEndEvent, EndEvent, Event, FailureKind, StartEvent
from orchestrator.queue.cell_progress import CellProgress
from orchestrator.queue.study_queue import StudyQueue

_RECENT = 8


class ProgressView:
    """Follow a queue.

    Args:
        queue: what to follow.
        console: where to draw; plain lines when it is not a terminal.
    """

    def __init__(self, queue: StudyQueue, console: Console) -> None:
        self._queue = queue
        self._console = console
        self._ends: Counter[str] = Counter()
        self._began = time.monotonic()
        self._first_remaining = queue.remaining
        queue.listen(self._on_event)

    def live(self) -> AbstractContextManager[object]:
        """Return the context within which the panel is shown."""
        if not self._console.is_terminal:
            return nullcontext()
        return Live(
            get_renderable=self.render, console=self._console, refresh_per_second=2, transient=True
        )

    def render(self) -> Group:
        """Draw the whole study: a bar, the counts, and the cells now at work."""
        cells = list(self._queue.cells.values())
        done = self._queue.ended_cells
        bar = Table.grid(padding=(0, 1))
        bar.add_row(
            Text(self._queue.plan.study.name, style="bold"),
            ProgressBar(total=max(len(cells), 1), completed=done, width=30),
            f"{done}/{len(cells)} cells",
            self._eta(),
        )
        table = Table(box=None, pad_edge=False, header_style="dim")
        for header in ("cell", "phase", "running", "ended", "best so far"):
            table.add_column(header, overflow="fold")
        active = [cell for cell in cells if cell.running]
        for cell in active[:_RECENT]:
            table.add_row(*(Text(text) for text in _row(cell)))
        more = len(active) - _RECENT
        footer = Text(f"... and {more} more cells at work", style="dim") if more > 0 else Text("")
        return Group(bar, Text(self._counts()), table, footer)

    def _on_event(self, event: Event) -> None:
        if isinstance(event, EndEvent):
            self._ends[event.state] += 1
            if event.state == "failed":
                self._print_failure(event)
        elif isinstance(event, StartEvent) and event.after is not None:
            self._print_retry(event, event.after)
        elif isinstance(event, CellEndEvent) and not self._console.is_terminal:
            self._print_line(event)

    def _print_failure(self, event: EndEvent) -> None:
        # The end of a traceback is what was raised.
        lines = event.error.strip().splitlines() or ["no message"]
        work = self._queue.record(event.trial).work
        text = f" {work.cell_label} {work.label} ({event.failure}): {lines[-1]}"
        self._console.print(Text("failed", style="red") + Text(text), soft_wrap=True)

    def _print_retry(self, event: StartEvent, after: FailureKind) -> None:
        work = self._queue.record(event.trial).work
        text = f" {work.cell_label} {work.label} after {after}"
        if event.micro_batches > 1:
            text += f", each batch in {event.micro_batches} parts"
        self._console.print(Text("again", style="yellow") + Text(text), soft_wrap=True)

    def _print_line(self, event: CellEndEvent) -> None:
        done, cells = self._queue.ended_cells, len(self._queue.cells)
        best = _best(self._queue.cells[event.cell])
        name = self._queue.cells[event.cell].cell.label
        line = f"[{done}/{cells}] {name}: {event.state}, {best}"
        line += f" ({event.reason})" if event.reason else ""
        self._console.print(
            f"{line}; {self._counts()}; {self._eta()}", markup=False, soft_wrap=True
        )

    def _counts(self) -> str:
        ends = self._ends
        return (
            f"trials: {self._queue.running} running, {ends['complete']} finished, "
            f"{ends['pruned']} stopped early, {ends['failed']} failed"
        )

    def _eta(self) -> str:
        ended = sum(self._ends.values())
        elapsed = time.monotonic() - self._began
        if ended < 2:
            return f"{_clock(elapsed)} elapsed"
        left = elapsed / ended * self._queue.remaining
        return f"{_clock(elapsed)} elapsed, about {_clock(left)} left"


def _row(cell: CellProgress) -> tuple[str, str, str, str, str]:
    ended = sum(not record.running for record in list(cell.records.values()))
    phase = "search" if cell.searching else "replicates"
    return (
        cell.cell.label,
        phase,
        str(cell.running),
        f"{ended}/{cell.planned_trials}",
        _best(cell),
    )


def _best(cell: CellProgress) -> str:
    # Copies, because the panel is drawn by another thread than the one that fills them.
    values = [v for record in list(cell.records.values()) for v in list(record.values.values())]
    if not values:
        return "no value yet"
    best = max(values) if cell.cell.objective.mode == "max" else min(values)
    return f"best {cell.cell.objective.metric} {best:.4f}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
