"""``import params``: settings of a paper's own repository become a selection of its study."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.commands.options import Json
from orchestrator.console import OUT, print_json, print_next, print_rows, print_warning
from trainables.errors import ConfigError


def import_params(
    params: Annotated[Path, typer.Argument(metavar="FILE", help="The repository's params.json.")],
    output: Annotated[
        Path | None,
        typer.Option(help="File for the selection.", show_default="<FILE>.selection.json"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Translate a params.json of feature_reuse or foundation_medical, key by key.

    Example: xenograft import params.json --output mine.json
    """
    from orchestrator.import_params import import_params as translate
    from orchestrator.selection_file import write_selection

    imported = translate(params)
    target = Path(f"{params.stem}.selection.json") if output is None else output
    if target.exists() and target.samefile(params):
        raise ConfigError(f"--output {target}: is the file to import: name another")
    write_selection(target, imported.selection)
    for warning in imported.warnings:
        print_warning(warning)
    if as_json:
        print_json(
            {
                "selection": imported.selection.to_json(),
                "options": list(imported.options),
                "command": imported.command,
                "warnings": list(imported.warnings),
                "keys": [dataclasses.asdict(row) for row in imported.rows],
            }
        )
        return
    rows = [(row.key, row.value, row.became) for row in imported.rows]
    print_rows(("key", "value", "became"), rows)
    OUT.print(f"\nselection in {target}; it runs as", markup=False, soft_wrap=True)
    print_next(imported.command)
