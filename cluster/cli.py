"""The whole command line: the verbs of the orchestrator, and ``cluster``."""

from __future__ import annotations

from cluster.commands import cluster
from orchestrator import cli

cli.app.add_typer(cluster, name="cluster")


def main() -> None:
    """Run the command line."""
    cli.main()


if __name__ == "__main__":
    main()
