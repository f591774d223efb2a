"""``import domainbed``: logs of a DomainBed sweep stand beside our own results."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from orchestrator.commands.options import Json, given_again, with_settings
from orchestrator.console import ERR, OUT, print_json, print_next, print_rows, print_warning
from orchestrator.settings import Resolved

if TYPE_CHECKING:
    from orchestrator.import_domainbed import ImportedSweep
    from orchestrator.report.collector import SelectionTable


@with_settings()
def import_domainbed(
    resolved: Resolved,
    logdir: Annotated[
        Path, typer.Argument(metavar="LOGDIR", help="The sweep's output folder: jobs are in it.")
    ],
    include_unfinished: Annotated[
        bool,
        typer.Option("--include-unfinished", help="Import jobs without 'done', as far as they are"),
    ] = False,
    as_json: Json = False,
) -> None:
    """Read the results.jsonl of a DomainBed sweep into the tracking store of study coop_lvt.

    Example: xenograft import domainbed sweep_output
    """
    from orchestrator.domainbed_log.names import STUDY
    from orchestrator.import_domainbed import import_sweep
    from orchestrator.report.selection_tables import selection_json, selection_tables
    from search_spaces.registry import load_study

    with ERR.status(f"reading the jobs of {escape(str(logdir))}"):
        imported = import_sweep(
            logdir,
            load_study(STUDY),
            resolved.settings.study_folder(STUDY),
            resolved.settings.tracking_uri,
            include_unfinished=include_unfinished,
        )
    tables = selection_tables(imported.named_jobs)
    if as_json:
        print_json({**_summary(imported), "model_selection": selection_json(tables)})
        return
    for note in imported.sweep.notes:
        print_warning(note)
    for folder in imported.sweep.unfinished:
        print_warning(f"left out, unfinished: {folder}")
    if imported.refused:
        print_warning(f"the tracking store refused {imported.refused} events; the log says which")
    for table in tables:
        if table.rule == "training-domain" and table.metric == table.picked_by:
            _print_table(table)
    jobs, cells = len(imported.sweep.jobs), len(imported.cells)
    done = "imported" if imported.new else "already imported, nothing changed:"
    line = f"\n{done} {jobs} jobs in {cells} cells ({imported.sweep.digest[:16]})"
    OUT.print(line, markup=False, soft_wrap=True)
    print_next(f"xenograft report {STUDY}{given_again(resolved)}")


def _summary(imported: ImportedSweep) -> dict[str, Any]:
    return {
        "digest": imported.sweep.digest,
        "new": imported.new,
        "jobs": [logged.job.name for logged in imported.sweep.jobs],
        "unfinished": list(imported.sweep.unfinished),
        "notes": list(imported.sweep.notes),
        "refused": imported.refused,
        "cells": [cell.name for cell in imported.cells],
    }


def _print_table(table: SelectionTable) -> None:
    from orchestrator.report.selection_tables import title

    rows = []
    for row in table.rows:
        numbers = ["–" if found is None else found.text for found in row.listed(table.targets)]
        rows.append((table.label(row), *numbers))
    print_rows(("method", *table.targets, "average"), rows, title=title(table))
