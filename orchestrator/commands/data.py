"""Verbs about data: ``prepare`` and ``doctor``."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.commands.completion import complete_data
from orchestrator.commands.environment import NAME as ENVIRONMENT
from orchestrator.commands.environment import examine_environment
from orchestrator.commands.options import Json, given_again, with_settings
from orchestrator.console import OUT, print_json, print_next, progress_bar
from orchestrator.settings import Resolved
from trainables.errors import ConfigError

DataName = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        help="A data set (`xenograft ls data`).",
        autocompletion=complete_data,
    ),
]


def _complete_examined(incomplete: str) -> list[str]:
    names = [ENVIRONMENT] if ENVIRONMENT.startswith(incomplete) else []
    return names + complete_data(incomplete)


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
    from trainables.data.cards import get_data_card
    from trainables.data.prepare import prepare as prepare_data

    get_data_card(data)
    with progress_bar(f"reading {data}") as progress:
        done = prepare_data(data, source, resolved.settings.locations, progress)
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
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA|env",
            help="A data set (`xenograft ls data`), or this machine.",
            autocompletion=_complete_examined,
        ),
    ],
    full: Annotated[bool, typer.Option("--full", help="Decode every picture.")] = False,
    as_json: Json = False,
) -> None:
    """Look for what is wrong with a data set or this machine; exit code 1 if an error is found.

    Example: xenograft doctor fundus --full
    """
    if data == ENVIRONMENT:
        if full:
            raise ConfigError(f"doctor {ENVIRONMENT}: leave out --full, it is for pictures")
        examine_environment(resolved, as_json)
        return
    _examine_data(resolved, data, full, as_json)


def _examine_data(resolved: Resolved, data: str, full: bool, as_json: bool) -> None:
    from trainables.data.cards import get_data_card
    from trainables.data.doctor import doctor as examine

    get_data_card(data)
    with progress_bar(f"examining {data}") as progress:
        problems = examine(data, resolved.settings.locations, full, progress)
    if as_json:
        print_json([dataclasses.asdict(problem) for problem in problems])
    else:
        for problem in problems:
            OUT.print(f"{problem.severity}: {problem.where}: {problem.what}", markup=False)
        errors = sum(problem.severity == "error" for problem in problems)
        OUT.print(f"{data}: {errors} errors, {len(problems) - errors} warnings")
    if any(problem.severity == "error" for problem in problems):
        raise typer.Exit(1)
