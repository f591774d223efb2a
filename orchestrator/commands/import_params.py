"""``import params``: settings of a paper's own repository become a selection of its study."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.commands.options import Json
from orchestrator.commands.print_imported import print_imported
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

    imported = translate(params)
    target = Path(f"{params.stem}.selection.json") if output is None else output
    if target.exists() and target.samefile(params):
        raise ConfigError(f"--output {target}: is the file to import: name another")
    print_imported(imported, target, as_json=as_json)
