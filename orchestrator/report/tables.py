"""The tables of a study, in the order they are shown."""

from __future__ import annotations

from orchestrator.report.derived_table import build_derived
from orchestrator.report.experiment_table import build_table
from orchestrator.report.results import StudyResults
from orchestrator.report.table import Table
from orchestrator.report.verdicts import judged
from search_spaces.study import Study


def build_tables(results: StudyResults, study: Study) -> list[Table]:
    """Return the tables of the experiments that have any result, in the study's order.

    What is derived from an experiment follows it; nothing is derived from imported results.
    """
    ran = {place.experiment for cell in results.cells for place in cell.places}
    imported = {place.experiment for cell in results.imported for place in cell.places}
    tables = []
    for experiment in study.experiments:
        if experiment.name in ran | imported:
            tables.append(judged(build_table(results, experiment), results, experiment.budget))
        if experiment.name in ran:
            derived = [d for d in study.derived if d.experiment == experiment.name]
            tables += [
                judged(build_derived(results, study, d), results, experiment.budget)
                for d in derived
            ]
    return tables
