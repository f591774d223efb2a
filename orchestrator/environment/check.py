"""What one look at the machine found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """The outcome of a look.

    Args:
        state: 'warn' runs, but slower or not as asked; 'fail' will not run.
        what: what is there.
        remedy: what to do about it; empty where all is well.
    """

    state: State
    what: str
    remedy: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """What was found under a name."""

    name: str
    found: Found
