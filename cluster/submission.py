"""What a submission asks for is checked here, before it waits in a queue and fails elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

import typer

from orchestrator.commands.options import with_selection, with_settings
from orchestrator.selection import Selection
from orchestrator.settings import Resolved

_run = typer.Typer(rich_markup_mode=None, add_completion=False)


def check_submission(arguments: Sequence[str]) -> None:
    """Read the arguments of ``xenograft run`` as it will, short of looking for data.

    A study or selection in files of the user's may be on the nodes only, and is left to them.

    Raises:
        UsageError: of Typer: no such option, or a value that it does not take.
        ConfigError, SelectionError: no such study, factor, level or key, or no such setting.
    """
    if not any(argument.partition("=")[0] == "--selection" for argument in arguments):
        typer.main.get_command(_run).main(list(arguments), "xenograft run", standalone_mode=False)


@_run.command()
@with_selection
@with_settings(resources=True)
def _check(selection: Selection, resolved: Resolved) -> None:
    from orchestrator.overrides import check_overrides
    from search_spaces.registry import load_study
    from trainables.outside import is_outside

    del resolved  # that they could be made is what counts
    if not is_outside(selection.study):
        cells = load_study(selection.study).cells(selection.only)
        check_overrides(cells, selection.overrides)
