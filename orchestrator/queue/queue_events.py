"""What the queue writes of its work: events, from the plan of a cell, its end, a trial."""

from __future__ import annotations

from orchestrator.events import CellEndEvent, CellEvent, StartEvent
from orchestrator.plan import PlannedCell
from orchestrator.queue.cell_progress import CellEnd, Work
from trainables.config import canonical, flatten


def cell_event(cell: PlannedCell, t: int) -> CellEvent:
    """Describe a cell."""
    return CellEvent(
        t=t,
        cell=cell.id,
        name=cell.name,
        places=[canonical(place) for place in cell.places],
        trainable=cell.config.trainable,
        version=cell.config.version,
        recipe=cell.recipe,
        config={k: canonical(v) for k, v in flatten(cell.config).items()},
        objective={"metric": cell.objective.metric, "mode": cell.objective.mode},
        space=canonical(cell.space),
        data=[dict(d) for d in cell.data],
        weights=[dict(w) for w in cell.weights],
    )


def cell_end_event(cell: PlannedCell, end: CellEnd, t: int) -> CellEndEvent:
    """Describe how a cell ended."""
    return CellEndEvent(
        t=t,
        cell=cell.id,
        state=end.state,
        replicates=list(end.replicates),
        chosen=dict(end.chosen),
        reason=end.reason,
    )


def start_event(work: Work, t: int) -> StartEvent:
    """Describe an attempt at a trial."""
    return StartEvent(
        t=t,
        trial=work.trial,
        cell=work.cell,
        phase=work.phase,
        index=work.index,
        seed=work.seed,
        config=dict(work.flat_config),
        params=dict(work.params),
        attempt=work.attempt,
        after=work.after,
        micro_batches=work.micro_batches,
    )
