"""The scripts with which launchers ask the head node about studies (see :mod:`cluster.on_head`)."""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence

from cluster.launcher import study_command
from cluster.spec import ClusterSpec


def job_name(study: str) -> str:
    """Return the id of a job that starts now."""
    return f"{study}-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}"


def submit_script(spec: ClusterSpec, job: str, arguments: Sequence[str], port: int) -> str:
    """Return a script that starts ``xenograft run`` with arguments as a job."""
    return _on_head(spec, port, "submit", job, "--", *study_command(spec, arguments, "auto"))


def status_script(spec: ClusterSpec, port: int) -> str:
    """Return a script that prints nodes and jobs."""
    return _on_head(spec, port, "status")


def logs_script(spec: ClusterSpec, job: str, follow: bool, port: int) -> str:
    """Return a script that prints what a job printed."""
    return _on_head(spec, port, "logs", job, *(["--follow"] if follow else []))


def stop_script(spec: ClusterSpec, job: str, port: int) -> str:
    """Return a script that ends a job so that it can be resumed."""
    return _on_head(spec, port, "stop", job)


def _on_head(spec: ClusterSpec, port: int, *words: str) -> str:
    python = spec.program("python")
    return shlex.join([python, "-m", "cluster.on_head", f"--port={port}", *words])
