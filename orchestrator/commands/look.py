"""Verbs that only look: ``ls``, ``show``, ``status``."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from orchestrator.commands.completion import complete_study
from orchestrator.commands.listings import Listing, listed
from orchestrator.commands.options import Json, StudyName, given_again, with_settings
from orchestrator.console import ERR, OUT, print_json, print_next, print_rows
from orchestrator.settings import Resolved
from trainables.config import canonical, flatten
from trainables.errors import SelectionError, did_you_mean
from trainables.outside import is_outside

if TYPE_CHECKING:
    from search_spaces.study import Cell, Study

_SETTINGS = "settings"
"""What ``show`` is asked for in place of a study."""

_NOT_IN_TABLE = ("licence", "note")
"""Too long for a column: notes follow the table, licences are in the JSON."""


@with_settings()
def ls(
    resolved: Resolved,
    what: Annotated[Listing, typer.Argument(help="What to list.")] = Listing.STUDIES,
    module: Annotated[
        str,
        typer.Argument(
            metavar="MODULE",
            help="A module of yours, such as lab.cards: list what is in it instead.",
            show_default=False,
        ),
    ] = "",
    as_json: Json = False,
) -> None:
    """List studies, data sets or backbones, and whether what they need is here.

    Backbones are networks of all kinds: of pictures, of texts, and those that segment.

    Example: xenograft ls data
    """
    rows = listed(what, module, resolved.settings.locations)
    if as_json:
        print_json(rows)
        return
    headers = [name for name in rows[0] if name not in _NOT_IN_TABLE]
    print_rows(headers, [[_text(row[h]) for h in headers] for row in rows])
    for row in rows:
        if row.get("note"):
            OUT.print(f"\n{row[headers[0]]}: {row['note']}", style="dim", markup=False)


def _complete_shown(incomplete: str) -> list[str]:
    return complete_study(incomplete) + ([_SETTINGS] if _SETTINGS.startswith(incomplete) else [])


@with_settings()
def show(
    resolved: Resolved,
    name: Annotated[
        str,
        typer.Argument(
            metavar="STUDY|settings", help="What to show.", autocompletion=_complete_shown
        ),
    ],
    as_json: Json = False,
) -> None:
    """Show a study's experiments, factors and published numbers, or the resolved settings.

    Example: xenograft show demo
    """
    from search_spaces.registry import STUDIES

    if name == _SETTINGS:
        _show_settings(resolved, as_json)
        return
    if name not in STUDIES and not is_outside(name):
        near = did_you_mean(name, [*STUDIES, _SETTINGS])
        raise SelectionError(f"there is no study '{name}'.{near}")
    _show_study(name, as_json)


@with_settings()
def status(resolved: Resolved, study: StudyName, as_json: Json = False) -> None:
    """Show how far a study's last run has got, also while it runs.

    Example: xenograft status demo
    """
    from orchestrator.status import study_status

    with ERR.status("reading the ledger"):
        state = study_status(study, resolved.settings)
    if as_json:
        print_json(state)
        return
    headers = ("cell", "state", "search trials", "replicates", "best", "note")
    print_rows(headers, [[str(cell[h]) for h in headers] for cell in state["cells"]])
    OUT.print(f"\n{state['summary']}", markup=False)
    print_next(state["next"] + given_again(resolved))


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _show_settings(resolved: Resolved, as_json: bool) -> None:
    from orchestrator.tracking.store import hide_password

    values = {
        f.name: getattr(resolved.settings, f.name) for f in dataclasses.fields(resolved.settings)
    }
    values["tracking_uri"] = hide_password(resolved.settings.tracking_uri)
    if as_json:
        shown = {
            name: {
                "value": value if isinstance(value, (int, float)) else str(value),
                "origin": resolved.origin[name],
            }
            for name, value in values.items()
        }
        print_json(shown)
        return
    rows = [(name, str(value), resolved.origin[name]) for name, value in values.items()]
    print_rows(("setting", "value", "from"), rows)


def _show_study(name: str, as_json: bool) -> None:
    from search_spaces.registry import load_study

    study = load_study(name)
    cells = study.cells()
    if as_json:
        print_json(_study_json(study, cells))
        return
    heading = Text(study.name, style="bold") + Text(f": {study.title}\n{study.paper}")
    OUT.print(heading, soft_wrap=True)
    for experiment in study.experiments:
        own = [cell for cell in cells if cell.experiment == experiment.name]
        budget = experiment.budget
        OUT.print(
            Text(f"\n{experiment.name}", style="bold")
            + Text(
                f": {experiment.title} ({len(own)} cells; search "
                f"{budget.search_trials} configs, {budget.replicates} replicates)"
            )
        )
        print_rows(
            ("factor", "levels"),
            [(f.name, ", ".join(f.levels)) for f in experiment.factors],
        )
    OUT.print()
    print_next(f"xenograft plan {name}")


def _study_json(study: Study, cells: list[Cell]) -> dict[str, Any]:
    return {
        "study": study.name,
        "title": study.title,
        "paper": study.paper,
        "experiments": [
            {
                "experiment": e.name,
                "title": e.title,
                "factors": {f.name: list(f.levels) for f in e.factors},
                "budget": canonical(e.budget),
            }
            for e in study.experiments
        ],
        "cells": [
            {
                "cell": cell.key,
                "trainable": cell.recipe.config.trainable,
                "metric": cell.recipe.metric,
                "objective": canonical(cell.recipe.objective),
                "config": {k: canonical(v) for k, v in flatten(cell.recipe.config).items()},
                "search space": canonical(cell.recipe.space),
                "published": None if cell.published is None else canonical(cell.published),
            }
            for cell in cells
        ],
    }
