"""Verbs about data: ``prepare`` and ``doctor``."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.commands.options import Json, given_again, with_settings
from orchestrator.console import ERR, OUT, print_json, print_next
from orchestrator.settings import Resolved
from trainables.data.cards import get_data_card

DataName = Annotated[str, typer.Argument(metavar="DATA", help="A data set (`xenograft ls data`).")]


@with_settings()
def prepare(
    resolved: Resolved,
    data: DataName,
    source: Annotated[Path, typer.Option(help="Folder of the set as its publisher lays it out.")],
    as_json: Json = False,
) -> None:
    """Read a data set where it lies, check it, and write its manifest.

    Example: xenograft prepare aptos2019 --source DIR
    """
    from rich.progress import Progress

    from trainables.data.prepare import prepare as prepare_data

    get_data_card(data)
    with Progress(console=ERR, transient=True, disable=not ERR.is_terminal) as progress:
        task = progress.add_task(f"reading {data}", total=None)
        done = prepare_data(
            data,
            source,
            resolved.settings.locations,
            lambda count, total: progress.update(task, completed=count, total=total),
        )
    if as_json:
        print_json(
            {
                "folder": str(done.folder),
                "rows": done.rows,
                "digest": done.digest,
                "counts": dict(done.counts),
                "differs": done.differs,
            }
        )
        return
    counts = ", ".join(f"{split} {count}" for split, count in done.counts.items())
    OUT.print(f"{data}: {done.rows} pictures ({counts}), digest {done.digest[:12]}")
    if done.differs:
        OUT.print(f"warning: not the complete set: {done.differs}", markup=False, soft_wrap=True)
    OUT.print(f"manifest in {done.folder}", markup=False, soft_wrap=True)
    print_next(f"xenograft doctor {data} --full{given_again(resolved)}")


@with_settings()
def doctor(
    resolved: Resolved,
    data: DataName,
    full: Annotated[bool, typer.Option("--full", help="Decode every picture.")] = False,
    as_json: Json = False,
) -> None:
    """Look for what is wrong with a data set; exit code 1 if an error is found.

    Example: xenograft doctor fundus --full
    """
    from trainables.data.doctor import doctor as examine

    get_data_card(data)
    with ERR.status(f"examining {data}"):
        problems = examine(data, resolved.settings.locations, full)
    if as_json:
        print_json([dataclasses.asdict(problem) for problem in problems])
    else:
        for problem in problems:
            OUT.print(f"{problem.severity}: {problem.where}: {problem.what}", markup=False)
        errors = sum(problem.severity == "error" for problem in problems)
        OUT.print(f"{data}: {errors} errors, {len(problems) - errors} warnings")
    if any(problem.severity == "error" for problem in problems):
        raise typer.Exit(1)
