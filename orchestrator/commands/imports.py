"""The verb ``import``: settings, results and splits of a paper's own repository."""

from __future__ import annotations

import difflib
from pathlib import Path

import typer
from typer.core import TyperGroup

from orchestrator.commands.import_domainbed import import_domainbed
from orchestrator.commands.import_hydra import import_hydra
from orchestrator.commands.import_params import import_params
from orchestrator.commands.import_splits import import_splits
from trainables.errors import ConfigError

_DEFAULT = "params"


class _Imports(TyperGroup):
    """``import FILE`` is short for ``import params FILE``."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        if args and args[0] not in {*self.commands, "--help"}:
            if not ctx.resilient_parsing:
                self._refuse_mistyped(args[0])
            args = [_DEFAULT, *args]
        return super().parse_args(ctx, args)

    def _refuse_mistyped(self, word: str) -> None:
        near = difflib.get_close_matches(word, self.commands, n=1)
        # 'params.json' is near 'params', and is a file that is not there.
        if near and not Path(word).suffix and not Path(word).exists():
            raise ConfigError(
                f"import {word}: there is no such file. Did you mean 'import {near[0]}'?"
            )


imports = typer.Typer(
    cls=_Imports,
    help="Import what a paper's repository has; `import FILE` is short for `import params FILE`.",
    no_args_is_help=True,
)
imports.command(_DEFAULT)(import_params)
imports.command("domainbed")(import_domainbed)
imports.command("hydra")(import_hydra)
imports.command("splits")(import_splits)
