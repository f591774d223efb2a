"""All that every form of the report shows of a study, each part computed once, when asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from orchestrator.report.collector import SelectionTable
from orchestrator.report.logged_jobs import logged_jobs
from orchestrator.report.pair_table import PairTable, pair_tables
from orchestrator.report.results import StudyResults
from orchestrator.report.selection_tables import selection_tables
from orchestrator.report.table import Table
from orchestrator.report.tables import build_tables
from search_spaces.study import Study


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What a study found, as the page, the files and the terminal show it."""

    results: StudyResults
    study: Study

    @cached_property
    def tables(self) -> Sequence[Table]:
        """The tables, with verdicts.

        Raises:
            TrackingError: results per case are there and cannot be read.
        """
        return build_tables(self.results, self.study)

    @cached_property
    def pairs(self) -> Sequence[PairTable]:
        """The pairs of levels of the experiments that compare them.

        Raises:
            TrackingError: results per case are there and cannot be read.
        """
        return pair_tables(self.results, self.study, self.tables)

    @cached_property
    def selection(self) -> Sequence[SelectionTable]:
        """The tables of model selection; empty where no run has the logs for it.

        Raises:
            TrackingError: a log is there and cannot be fetched.
            SweepError: a log is damaged.
        """
        return selection_tables(logged_jobs(self.results, self.study))
