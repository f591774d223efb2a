"""How far a study has got, read from its ledger alone: works while another process runs it."""

from __future__ import annotations

import fcntl
from typing import Any

from orchestrator.events import SessionEvent
from orchestrator.ledger import Ledger
from orchestrator.plan import Plan, make_plan
from orchestrator.queue.cell_progress import CellProgress
from orchestrator.queue.study_queue import StudyQueue
from orchestrator.selection import Selection
from orchestrator.settings import Settings
from search_spaces.registry import load_study
from trainables.errors import SelectionError


def last_selection(study: str, settings: Settings) -> Selection:
    """Return what the last run of a study was asked for.

    Raises:
        SelectionError: unknown study, or it was never run on this storage.
    """
    folder = settings.study_folder(load_study(study).name)
    sessions = [
        event
        for _, event in Ledger(folder / "ledger.jsonl").read()
        if isinstance(event, SessionEvent)
    ]
    if not sessions:
        raise SelectionError(
            f"study '{study}' was never run on {settings.storage}: "
            f"start it with `xenograft run {study}`, or name its --storage"
        )
    return Selection.from_json(sessions[-1].selection)


def study_status(study: str, settings: Settings) -> dict[str, Any]:
    """Return the state of every cell of the last selection, a summary and the next step."""
    selection = last_selection(study, settings)
    plan = make_plan(selection, settings.locations)
    folder = settings.study_folder(plan.study.name)
    queue = StudyQueue(plan, Ledger(folder / "ledger.jsonl"), look_only=True)
    active = is_active(settings, plan.study.name)
    queue.conclude_all()
    return {
        "study": plan.study.name,
        "active": active,
        "cells": [_cell_row(progress, active) for progress in queue.cells.values()],
        "skipped": dict(plan.skipped),
        "summary": _summary(queue, plan, active),
        "next": _next_step(study, queue, active),
    }


def is_active(settings: Settings, study: str) -> bool:
    """Return whether a driver runs the study now. Makes no file: others may only read here."""
    lock = settings.study_folder(study) / "driver.lock"
    try:
        with lock.open("rb") as file:
            # Shared and let go at once; a driver that starts just now tries for a second.
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _cell_row(progress: CellProgress, active: bool) -> dict[str, Any]:
    records = list(progress.records.values())
    ended = {
        phase: sum(not r.running for r in records if r.work.phase == phase)
        for phase in ("search", "replicate")
    }
    values = [v for r in records for v in r.values.values()]
    pick = max if progress.cell.objective.mode == "max" else min
    budget = progress.cell.budget
    return {
        "cell": progress.cell.label,
        "key": progress.cell.name,
        "id": progress.cell.id,
        "state": _state(progress, active),
        "search trials": f"{ended['search']}/{progress.cell.search_trials}",
        "replicates": f"{ended['replicate']}/{budget.replicates}",
        "best": f"{pick(values):.4f}" if values else "",
        "note": progress.end.reason if progress.end else "",
    }


def _state(progress: CellProgress, active: bool) -> str:
    if progress.end is not None:
        return progress.end.state
    if not progress.records:
        return "waiting"
    if progress.interrupted:
        return "running" if active else "interrupted"
    return "running" if active else "unfinished"


def _summary(queue: StudyQueue, plan: Plan, active: bool) -> str:
    ends = [p.end for p in queue.cells.values() if p.end is not None]
    failed = sum(end.state == "failed" for end in ends)
    text = f"{len(ends) - failed} of {len(queue.cells)} cells complete, {failed} failed"
    if plan.skipped:
        text += f", {len(plan.skipped)} left out"
    if plan.problems:
        text += f", {len(plan.problems)} problems in the way of others (see `xenograft plan`)"
    return f"{text}; a run is active" if active else text


def _next_step(study: str, queue: StudyQueue, active: bool) -> str:
    if active:
        return f"xenograft status {study}"
    if queue.finished:
        return f"xenograft report {study}"
    return f"xenograft resume {study}"
