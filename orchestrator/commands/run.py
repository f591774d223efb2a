"""Verbs that work: ``plan``, ``run``, ``resume``."""

from __future__ import annotations

from typing import Any

import typer

from orchestrator.commands.options import Json, StudyName, with_selection, with_settings
from orchestrator.console import ERR, OUT, print_error, print_json, print_rows
from orchestrator.plan import Place, Plan, PlannedCell, make_plan
from orchestrator.selection import Selection
from orchestrator.settings import Resolved, Settings

INTERRUPTED = 130
"""Exit code of a run that can be resumed, as shells give for Ctrl-C."""


@with_selection
@with_settings(resources=True)
def plan(selection: Selection, resolved: Resolved, as_json: Json = False) -> None:
    """Show what a run would do and what stands in its way; changes nothing.

    Example: xenograft plan demo --only method=knn
    """
    from orchestrator.estimate import estimate

    planned = make_plan(selection, resolved.settings.locations)
    cost = estimate(planned, resolved.settings)
    if as_json:
        print_json({**_plan_json(planned), "estimate": cost.to_json()})
    else:
        _print_plan(planned)
        OUT.print(cost.text())
    for key, reason in planned.skipped.items():
        ERR.print(f"[yellow]left out[/] {key}: {reason}")
    planned.require_runnable()
    if not as_json:
        OUT.print(f"[dim]next: xenograft run {' '.join(selection.to_arguments())}[/]")


@with_selection
@with_settings(resources=True)
def run(selection: Selection, resolved: Resolved) -> None:
    """Run a study: search, stop early, replicate, track; finished work is not repeated.

    Example: xenograft run demo --only experiment=transfer --replicates 3
    """
    run_selection(selection, resolved.settings)


@with_settings(resources=True)
def resume(study: StudyName, resolved: Resolved) -> None:
    """Go on with a study's last run, with the same selection.

    Example: xenograft resume demo
    """
    from orchestrator.status import last_selection

    selection = last_selection(study, resolved.settings)
    OUT.print(f"[dim]xenograft run {' '.join(selection.to_arguments())}[/]")
    run_selection(selection, resolved.settings)


def run_selection(selection: Selection, settings: Settings) -> None:
    """Plan, run, print the tables, and exit with a code that says how it went."""
    from orchestrator.report import print_tables
    from orchestrator.runner import run_plan

    planned = make_plan(selection, settings.locations, fetch=True)
    for key, reason in planned.skipped.items():
        ERR.print(f"[yellow]left out[/] {key}: {reason}")
    outcome = run_plan(planned, settings, OUT)
    name = selection.study
    if outcome.undelivered:
        print_error(
            f"{outcome.undelivered} records have not reached the tracking store "
            f"{settings.tracking_uri}; they are kept, and go out at `xenograft resume {name}`"
        )
    if not outcome.finished:
        OUT.print(f"\nstopped; nothing is lost. Go on with: xenograft resume {name}")
        raise typer.Exit(INTERRUPTED)
    if not outcome.ran:
        OUT.print("nothing to do: every cell of this selection is finished")
    if not outcome.undelivered:
        print_tables(settings.tracking_uri, planned.study, OUT)
    for cell, reason in outcome.failed_cells.items():
        print_error(f"{cell}: {reason}")
    OUT.print(f"\n[dim]next: xenograft report {name}[/]")
    if outcome.failed_cells or outcome.undelivered:
        raise typer.Exit(1)


def _plan_json(planned: Plan) -> dict[str, Any]:
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
            }
            for cell in planned.cells
        ],
        "skipped": dict(planned.skipped),
        "problems": list(planned.problems),
    }


def _print_plan(planned: Plan) -> None:
    for experiment in planned.study.experiments:
        rows = [
            _plan_row(cell, place, [f.name for f in experiment.factors])
            for cell in planned.cells
            for place in cell.places
            if place.experiment == experiment.name
        ]
        headers = [f.name for f in experiment.factors]
        headers += ["id", "trainable", "search", "replicates", "data", "weights"]
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
