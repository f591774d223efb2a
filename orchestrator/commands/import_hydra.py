"""``import hydra``: a command of medvlsm's own repository becomes a selection of the study."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.commands.options import Json
from orchestrator.commands.print_imported import print_imported
from trainables.errors import ConfigError


def import_hydra(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="KEY=VALUE...",
            help="Overrides, the whole command, or a run's folder, config.yaml or overrides.yaml.",
        ),
    ],
    output: Annotated[Path, typer.Option(help="File for the selection.")] = Path(
        "hydra.selection.json"
    ),
    as_json: Json = False,
) -> None:
    """Translate Hydra overrides of medvlsm's repository, key by key.

    Example: xenograft import hydra experiment=clipseg.yaml prompt_type=p1
    datamodule=img_txt_mask/camus.yaml
    """
    from orchestrator.import_hydra import import_hydra as translate
    from orchestrator.import_hydra.given import is_there

    imported = translate(words)
    if output.exists() and any(is_there(word) and output.samefile(word) for word in words):
        raise ConfigError(f"--output {output}: is the file to import: name another")
    print_imported(imported, output, as_json=as_json)
