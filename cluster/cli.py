"""The whole command line: the verbs of the orchestrator, and ``cluster``."""

from __future__ import annotations

from cluster.commands import cluster
from orchestrator.cli import app, main

app.add_typer(cluster, name="cluster")

__all__ = ["app", "main"]


if __name__ == "__main__":
    main()
