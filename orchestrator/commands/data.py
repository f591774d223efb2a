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
    source: Annotated[
        Path | None,
        typer.Option(help="Folder of the set as its publisher lays it out; once."),
    ] = None,
    size: Annotated[
        int | None,
        typer.Option(
            metavar="PX",
            min=1,
            help="Decode all pictures, make their short sides this long at most, and keep that: "
            "the set DATA@PX.",
        ),
    ] = None,
    exact: Annotated[
        bool,
        typer.Option("--exact", help="Decode all pictures and keep them, to be read instead."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Read a data set where it lies, check it, write its manifest; copy its pictures if asked to.

    Example: xenograft prepare aptos2019 --source DIR --size 256
    """
    from trainables.data.cards import get_data_card

    get_data_card(data)
    sizes = ([size] if size is not None else []) + ([None] if exact else [])
    if source is None and not sizes:
        raise ConfigError("prepare: say where the pictures are with --source DIR")
    made: dict[str, object] = {}
    if source is not None:
        made |= _write_manifest(resolved, data, source, as_json)
    if sizes:
        made["copies"] = [_copy(resolved, data, px, as_json) for px in sizes]
    if as_json:
        print_json(made)
    elif source is not None:
        print_next(f"xenograft doctor {data} --full{given_again(resolved)}")


def _write_manifest(
    resolved: Resolved, data: str, source: Path, as_json: bool
) -> dict[str, object]:
    from trainables.data.prepare import prepare as prepare_data

    with progress_bar(f"reading {data}") as progress:
        done = prepare_data(data, source, resolved.settings.locations, progress)
    if not as_json:
        counts = ", ".join(f"{split} {count}" for split, count in done.counts.items())
        OUT.print(f"{data}: {done.rows} pictures ({counts}), digest {done.digest[:12]}")
        if done.differs:
            what = f"warning: not the complete set: {done.differs}"
            OUT.print(what, markup=False, soft_wrap=True)
        OUT.print(f"manifest in {done.folder}", markup=False, soft_wrap=True)
    return {
        "folder": str(done.folder),
        "rows": done.rows,
        "digest": done.digest,
        "counts": dict(done.counts),
        "differs": done.differs,
    }


def _copy(
    resolved: Resolved, data: str, short_side_px: int | None, as_json: bool
) -> dict[str, object]:
    from trainables.data.copies import copies_name
    from trainables.data.make_copies import make_copies

    name = data if short_side_px is None else copies_name(data, short_side_px)
    with progress_bar(f"copying {name}") as progress:
        done = make_copies(data, short_side_px, resolved.settings.locations, progress)
    if not as_json:
        OUT.print(f"{name}: copies of {done.pictures} pictures, {done.size_bytes / 1e6:,.1f} MB")
        OUT.print(f"copies in {done.folder}", markup=False, soft_wrap=True)
    return {
        "name": name,
        "folder": str(done.folder),
        "pictures": done.pictures,
        "bytes": done.size_bytes,
    }


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
