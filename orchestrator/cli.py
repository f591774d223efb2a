"""The command line: ``xenograft VERB ...``. Errors a user can act on are one message, exit 2."""

from __future__ import annotations

import gc
import sys

import typer

from orchestrator.commands import data, look, predict, results, run
from orchestrator.commands.imports import imports
from orchestrator.console import print_error
from trainables.errors import XenograftError

app = typer.Typer(
    name="xenograft",
    help="Run a paper's study on what transfers from natural-image models to medicine.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for verb in (look.ls, look.show, run.plan, run.run, look.status, run.resume):
    app.command()(verb)
for verb in (results.report, predict.predict, results.ui, data.prepare, data.doctor):
    app.command()(verb)
app.add_typer(imports, name="import")


def main() -> None:
    """Run the command line."""
    # Modules and plans are many objects that stay: to search them for garbage after every 700 new
    # ones takes a tenth of a start.
    thresholds = gc.get_threshold()
    gc.set_threshold(50_000)
    try:
        app()
    except XenograftError as error:
        print_error(str(error))
        sys.exit(2)
    finally:
        gc.set_threshold(*thresholds)


if __name__ == "__main__":
    main()
