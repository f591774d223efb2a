"""What is printed and written of imported settings."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.console import OUT, print_json, print_next, print_rows, print_warning

if TYPE_CHECKING:
    from orchestrator.import_params import Imported


def print_imported(imported: Imported, target: Path, *, as_json: bool) -> None:
    """Write the selection to ``target``; print what became of every key, and the command."""
    from orchestrator.selection_file import write_selection

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
