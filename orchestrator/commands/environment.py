"""``doctor env``: each thing that is looked at on a line of its own, as it is found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer
from rich.text import Text

from orchestrator.console import ERR, OUT, print_json, print_next
from orchestrator.settings import Resolved

if TYPE_CHECKING:
    from orchestrator.environment.check import Check, State

NAME = "env"
"""What ``doctor`` is asked for in place of a data set."""

_STYLES: dict[State, str] = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def examine_environment(resolved: Resolved, as_json: bool) -> None:
    """Print what is wrong with this machine; exit code 1 if something will not run."""
    from orchestrator.environment import examine

    checks: list[Check] = []
    with ERR.status("looking at this machine"):
        for check in examine(resolved.settings):
            checks.append(check)
            if not as_json:
                _print_check(check)
    if as_json:
        print_json(
            [
                {
                    "name": check.name,
                    "state": check.found.state,
                    "found": check.found.what,
                    "remedy": check.found.remedy,
                }
                for check in checks
            ]
        )
    if any(check.found.state == "fail" for check in checks):
        raise typer.Exit(1)
    if not as_json:
        print_next("xenograft plan demo")


def _print_check(check: Check) -> None:
    found = check.found
    state = (f"{found.state:<5}", _STYLES[found.state])
    OUT.print(Text.assemble(state, (f"{check.name}: ", "bold"), found.what), soft_wrap=True)
    if found.remedy:
        OUT.print(Text(f"     {found.remedy}"), soft_wrap=True)
