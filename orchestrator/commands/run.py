"""Verbs that work: ``plan``, ``run``, ``resume``."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import typer
from rich.text import Text

from orchestrator.commands.options import (
    Json,
    StudyName,
    given_again,
    with_selection,
    with_settings,
)
from orchestrator.console import (
    ERR,
    OUT,
    print_error,
    print_json,
    print_left_out,
    print_next,
    print_rows,
)
from orchestrator.selection import Selection
from orchestrator.settings import Resolved

if TYPE_CHECKING:
    from orchestrator.gpus.packing import CellGpu
    from orchestrator.plan import Place, Plan, PlannedCell

INTERRUPTED = 130
"""Exit code of a run that can be resumed, as shells give for Ctrl-C."""


@with_selection
@with_settings(resources=True)
def plan(selection: Selection, resolved: Resolved, as_json: Json = False) -> None:
    """Show what a run would do and what stands in its way; changes nothing.

    Example: xenograft plan demo --only method=knn
    """
    from orchestrator.estimate import estimate
    from orchestrator.gpus.packing import planned_gpus
    from orchestrator.plan import make_plan

    with ERR.status("planning"):
        planned = make_plan(selection, resolved.settings.locations)
        cost = estimate(planned, resolved.settings)
        gpus = planned_gpus(planned, resolved.settings)
    if as_json:
        print_json({**_plan_json(planned, gpus), "estimate": cost.to_json()})
    else:
        _print_plan(planned, gpus)
        if planned.cells:
            OUT.print(cost.text())
        if planned.waiting:
            OUT.print(f"\ncells that wait for what is missing: {len(planned.waiting)}")
    print_left_out(planned.skipped)
    planned.require_runnable()
    if not as_json:
        print_next(_run_command(selection, resolved))


@with_selection
@with_settings(resources=True)
def run(selection: Selection, resolved: Resolved) -> None:
    """Run a study: search, stop early, replicate, track; finished work is not repeated.

    Example: xenograft run demo --only experiment=transfer --replicates 3
    """
    run_selection(selection, resolved)


@with_settings(resources=True)
def resume(study: StudyName, resolved: Resolved) -> None:
    """Go on with a study's last run, with the same selection.

    Example: xenograft resume demo
    """
    from orchestrator.status import last_selection

    selection = last_selection(study, resolved.settings)
    OUT.print(Text(_run_command(selection, resolved), style="dim"), soft_wrap=True)
    run_selection(selection, resolved)


def run_selection(selection: Selection, resolved: Resolved) -> None:
    """Plan, run, print the tables, and exit with a code that says how it went."""
    try:
        _plan_and_run(selection, resolved)
    except KeyboardInterrupt:
        # Before the run began or after it ended: what it has done is in its ledger.
        _print_stopped(_run_command(selection, resolved))
        raise typer.Exit(INTERRUPTED) from None


def _plan_and_run(selection: Selection, resolved: Resolved) -> None:
    from orchestrator.plan import make_plan
    from orchestrator.report import Findings, load_study_results, print_tables
    from orchestrator.runner import run_plan
    from orchestrator.tracking.store import hide_password

    settings, where = resolved.settings, given_again(resolved)
    with ERR.status("planning"):
        planned = make_plan(selection, settings.locations, fetch=True)
    print_left_out(planned.skipped)
    outcome = run_plan(planned, settings, OUT)
    name = selection.study
    if outcome.undelivered:
        print_error(
            f"{outcome.undelivered} records have not reached the tracking store "
            f"{hide_password(settings.tracking_uri)}; they are kept, and go out at "
            f"`xenograft resume {name}{where}`"
        )
    if not outcome.finished:
        _print_stopped(f"xenograft resume {name}{where}")
        raise typer.Exit(INTERRUPTED)
    if not outcome.ran:
        OUT.print("nothing to do: every cell of this selection is finished")
    if not outcome.undelivered:
        results = load_study_results(settings.tracking_uri, planned.study.name)
        print_tables(Findings(results=results, study=planned.study), OUT)
    for cell, reason in outcome.failed_cells.items():
        print_error(f"{cell}: {reason}")
    OUT.print()
    print_next(f"xenograft report {name}{where}")
    if outcome.failed_cells or outcome.undelivered:
        raise typer.Exit(1)


def _run_command(selection: Selection, resolved: Resolved) -> str:
    return f"xenograft run {shlex.join(selection.to_arguments())}{given_again(resolved)}"


def _print_stopped(go_on: str) -> None:
    line = f"\nstopped; nothing is lost. Go on with: {go_on}"
    OUT.print(line, markup=False, soft_wrap=True)


def _plan_json(planned: Plan, gpus: Mapping[str, CellGpu]) -> dict[str, Any]:
    return {
        "study": planned.study.name,
        "selection": planned.selection.to_json(),
        "cells": [
            {
                "id": cell.id,
                "cells": [place.key for place in cell.places],
                "trainable": cell.config.trainable,
                "recipe": cell.recipe,
                "search_trials": cell.search_trials,
                "replicates": cell.budget.replicates,
                "needs": dict(cell.needs),
                "data": [dict(d) for d in cell.data],
                "weights": [dict(w) for w in cell.weights],
                **({"gpu": _gpu_json(gpus[cell.id])} if gpus else {}),
            }
            for cell in planned.cells
        ],
        "waiting": list(planned.waiting),
        "skipped": dict(planned.skipped),
        "problems": list(planned.problems),
    }


def _gpu_json(gpu: CellGpu) -> dict[str, Any]:
    return {"needs_gib": gpu.need.gib, "unknown": gpu.need.reason, "share": gpu.share}


def _print_plan(planned: Plan, gpus: Mapping[str, CellGpu]) -> None:
    for experiment in planned.study.experiments:
        rows = [
            _plan_row(cell, place, [f.name for f in experiment.factors])
            + ([gpus[cell.id].text()] if gpus else [])
            for cell in planned.cells
            for place in cell.places
            if place.experiment == experiment.name
        ]
        headers = [f.name for f in experiment.factors]
        headers += ["id", "trainable", "search", "replicates", "data", "weights"]
        headers += ["GPU"] if gpus else []
        if rows:
            print_rows(headers, rows, title=f"{experiment.name}: {experiment.title}")


def _plan_row(cell: PlannedCell, place: Place, factors: list[str]) -> list[str]:
    levels = [place.levels[name] for name in factors]
    if place != cell.places[0]:
        return [*levels, f"as {cell.id[:8]}", "", "", "", "", ""]
    return [
        *levels,
        cell.id[:8],
        cell.config.trainable,
        str(cell.search_trials),
        str(cell.budget.replicates),
        ", ".join(d["kind"] for d in cell.data),
        ", ".join(w["kind"] for w in cell.weights),
    ]
