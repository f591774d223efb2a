"""Reports: what a study found, read from MLflow, as tables, figures and one page."""

from orchestrator.report.build import build_report
from orchestrator.report.findings import Findings
from orchestrator.report.json_data import to_json
from orchestrator.report.load import load_study_results
from orchestrator.report.results import StudyResults
from orchestrator.report.terminal import print_tables

__all__ = [
    "Findings",
    "StudyResults",
    "build_report",
    "load_study_results",
    "print_tables",
    "to_json",
]
