"""Refusal to compile networks where there is no compiler, before a trial is started."""

from __future__ import annotations

from orchestrator.settings import Settings
from trainables.engine.compiler import require_compiler


def require_local_compiler(settings: Settings) -> None:
    """Check that trials can compile networks, if they are to and run on this machine.

    Nodes of another cluster are not asked: a trial that finds no compiler there says so.

    Raises:
        ResourceError: there is no compiler; the message says what to install.
    """
    if settings.compile and not settings.address:
        require_compiler("cuda" if settings.gpus else "cpu")
