"""Verbs about results: ``report`` and ``ui``."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.commands.options import Json, StudyName, given_again, with_settings
from orchestrator.console import ERR, OUT, print_json, print_next, progress_bar
from orchestrator.settings import Resolved
from trainables.errors import ResourceError, TrackingError


@with_settings()
def report(
    resolved: Resolved,
    study: StudyName,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the report (default: in the storage).")
    ] = None,
    as_json: Json = False,
) -> None:
    """Print a study's tables and write its report page, CSV and LaTeX from the tracking store.

    Example: xenograft report demo
    """
    from orchestrator.report import (
        Findings,
        build_report,
        load_study_results,
        print_tables,
        to_json,
    )
    from search_spaces.registry import load_study

    spec = load_study(study)
    with ERR.status("reading the tracking store"):
        results = load_study_results(resolved.settings.tracking_uri, spec.name)
        findings = Findings(results=results, study=spec)
    if as_json:
        print_json(to_json(findings))
        return
    print_tables(findings, OUT)
    folder = out or resolved.settings.study_folder(spec.name) / "report"
    with progress_bar("drawing tables and figures") as progress:
        page, *others = build_report(findings, folder, progress)
    line = f"wrote {page} and {len(others)} tables and figures beside it"
    OUT.print(line, markup=False, soft_wrap=True)
    print_next(f"open the page, or xenograft ui{given_again(resolved)}")


@with_settings()
def ui(
    resolved: Resolved,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on 127.0.0.1.")] = 5000,
) -> None:
    """Serve the MLflow UI of the tracking store on this machine only, until Ctrl-C.

    Example: xenograft ui
    """
    from orchestrator.tracking import check_uri
    from orchestrator.tracking.store import hide_password, sqlite_path

    uri = resolved.settings.tracking_uri
    shown = hide_password(uri)
    check_uri(uri)
    if uri.startswith(("http://", "https://")):
        line = f"the tracking store is a server with a UI of its own: {shown}"
        OUT.print(line, markup=False, soft_wrap=True)
        return
    file = sqlite_path(uri)
    if file is not None and not file.is_file():
        raise TrackingError(
            f"there is no tracking store {shown} yet: run a study first, or name another store "
            f"with --tracking-uri"
        )
    _require_free(port)
    line = f"MLflow UI of {shown} on http://127.0.0.1:{port} (Ctrl-C ends it)"
    OUT.print(line, markup=False, soft_wrap=True)
    sys.stdout.flush()
    # Through the environment, because an address may hold a password and arguments are public.
    os.environ["MLFLOW_BACKEND_STORE_URI"] = uri
    # MLflow's jobs are for evaluating language models: eight processes and 1.3 GB.
    os.environ.setdefault("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1"]
    # In place of this process, so that whatever ends it ends the server.
    os.execv(sys.executable, [*command, "--port", str(port), "--workers", "1"])


def _require_free(port: int) -> None:
    with socket.socket() as probe:
        # As the server will: a port that was left a moment ago is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise ResourceError(
                f"port {port} cannot be used ({error.strerror}): choose another with --port"
            ) from None
