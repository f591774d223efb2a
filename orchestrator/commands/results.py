"""Verbs about results: ``report`` and ``ui``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.commands.options import Json, StudyName, with_settings
from orchestrator.console import OUT, print_json
from orchestrator.settings import Resolved


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
    from orchestrator.report import build_report, load_study_results, print_tables, to_json
    from orchestrator.runner import study_folder
    from search_spaces.registry import load_study

    spec = load_study(study)
    results = load_study_results(resolved.settings.tracking_uri, spec.name)
    if as_json:
        print_json(to_json(results, spec))
        return
    print_tables(resolved.settings.tracking_uri, spec, OUT)
    folder = out or study_folder(resolved.settings, spec.name) / "report"
    page, *others = build_report(results, spec, folder)
    OUT.print(f"wrote {page} and {len(others)} tables and figures beside it", markup=False)
    OUT.print("[dim]next: open the page, or xenograft ui[/]")


@with_settings()
def ui(
    resolved: Resolved,
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 5000,
) -> None:
    """Serve the MLflow UI of the tracking store on this machine only, until Ctrl-C.

    Example: xenograft ui
    """
    from orchestrator.tracking import check_uri

    uri = resolved.settings.tracking_uri
    check_uri(uri)
    if uri.startswith(("http://", "https://")):
        OUT.print(f"the tracking store is a server with a UI of its own: {uri}")
        return
    OUT.print(f"MLflow UI of {uri} on http://127.0.0.1:{port} (Ctrl-C ends it)")
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", uri]
    command += ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    raise typer.Exit(subprocess.call(command))
