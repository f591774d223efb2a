"""What a launcher asks a cluster's head node to do: ``python -m cluster.on_head VERB ...``.

Talks to Ray's Jobs API where it listens, on the head's loopback, so it needs no tunnel and no open
port; a job is the head's child, so it goes on when the asking machine is closed.
"""

from __future__ import annotations

import argparse
import asyncio
import shlex
import sys
import time
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

_STOP_S = 90.0
"""How long a job may take to end cleanly."""

_AGENT_S = 120.0
"""How long the agent of a head may take to start."""

_NO_AGENT = "No available agent"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one verb; unknown jobs and unanswered calls are one line and exit code 2."""
    given = _parser().parse_args(arguments)
    from ray.exceptions import AuthenticationError
    from ray.job_submission import JobSubmissionClient

    try:
        client = JobSubmissionClient(f"http://127.0.0.1:{given.port}")
        given.verb(client, given)
    except AuthenticationError:
        sys.exit(f"Ray at port {given.port} takes another token: is it of another cluster?")
    except (RuntimeError, ConnectionError) as error:
        sys.exit(f"Ray's Jobs API says: {str(error).strip().splitlines()[0]}")


def submit(client: Any, given: argparse.Namespace) -> None:
    """Start a command as a job, as soon as the head can take one."""
    deadline = time.monotonic() + _AGENT_S
    while True:
        try:
            client.submit_job(entrypoint=shlex.join(given.command), submission_id=given.job)
            break
        except RuntimeError as error:
            # A head that has just started answers before its agent does.
            if _NO_AGENT not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(2)
    print(given.job)  # noqa: T201


def status(client: Any, given: argparse.Namespace) -> None:
    """Print the nodes and the jobs."""
    del given
    console = Console(width=120, highlight=False)
    nodes = _table("node", "state", "CPUs", "GPUs", "memory, GiB")
    for node in _nodes():
        total = node.resources_total or {}
        gib = total.get("memory", 0) / 2**30
        nodes.add_row(
            node.node_ip,
            node.state,
            f"{total.get('CPU', 0):g}",
            f"{total.get('GPU', 0):g}",
            f"{gib:.0f}",
        )
    console.print(nodes)
    rows = _table("job", "state", "started", "command")
    for job in sorted(client.list_jobs(), key=lambda job: job.start_time or 0):
        if job.submission_id:
            when = time.strftime("%Y-%m-%d %H:%M", time.localtime((job.start_time or 0) / 1000))
            rows.add_row(job.submission_id, str(job.status), when, Text(job.entrypoint))
    console.print(rows if rows.rows else "no jobs yet")


def logs(client: Any, given: argparse.Namespace) -> None:
    """Print what a job has printed, or prints."""
    if not given.follow:
        sys.stdout.write(client.get_job_logs(given.job))
        return

    async def tail() -> None:
        async for lines in client.tail_job_logs(given.job):
            sys.stdout.write(lines)
            sys.stdout.flush()

    asyncio.run(tail())
    print(f"job {given.job}: {client.get_job_status(given.job)}")  # noqa: T201


def stop(client: Any, given: argparse.Namespace) -> None:
    """End a job as Ctrl-C would, and wait for it."""
    client.stop_job(given.job)
    deadline = time.monotonic() + _STOP_S
    while not client.get_job_status(given.job).is_terminal():
        if time.monotonic() > deadline:
            sys.exit(f"job {given.job} has not ended after {_STOP_S:.0f} s")
        time.sleep(0.5)
    print(f"job {given.job}: {client.get_job_status(given.job)}")  # noqa: T201


def _nodes() -> list[Any]:
    from ray.util.state import list_nodes

    return sorted(list_nodes(), key=lambda node: (node.state, node.node_ip))


def _table(*headers: str) -> Table:
    table = Table(box=None, header_style="bold")
    for header in headers:
        table.add_column(header, overflow="fold")
    return table


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="cluster.on_head", description=__doc__)
    parser.add_argument("--port", type=int, default=8265)
    verbs = parser.add_subparsers(required=True)
    for verb in (submit, status, logs, stop):
        known = verbs.add_parser(verb.__name__)
        known.set_defaults(verb=verb)
        if verb is not status:
            known.add_argument("job")
        if verb is submit:
            known.add_argument("command", nargs="+")
        if verb is logs:
            known.add_argument("--follow", action="store_true")
    return parser


if __name__ == "__main__":
    main()
