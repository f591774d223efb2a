"""The levels of an experiment that were compared, pair by pair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from orchestrator.report.csv_text import csv_text
from orchestrator.report.pairs import Pair, compare_pairs
from orchestrator.report.results import StudyResults
from orchestrator.report.table import Table
from search_spaces.study import Factor, Study

COMPARISONS_COLUMNS = ("experiment", "factor", *Pair.__dataclass_fields__)


@dataclass(frozen=True, kw_only=True, slots=True)
class PairTable:
    """All pairs of one experiment.

    Args:
        title: of the experiment.
        factor: whose levels are compared.
        over: name of the factor whose levels are independent of each other.
    """

    experiment: str
    title: str
    factor: Factor
    over: str
    pairs: tuple[Pair, ...]

    @property
    def words(self) -> str:
        """What the numbers are."""
        kinds = ", ".join(dict.fromkeys(pair.kind for pair in self.pairs))
        tested = sum(pair.p is not None for pair in self.pairs)
        if not tested:
            return f"Mean difference over {self.over}; no pair is tested: {kinds}."
        return (
            f"Mean difference over {self.over}; p corrected by Holm over {tested} "
            f"{'pair' if tested == 1 else 'pairs'}. By: {kinds}."
        )


def pair_tables(results: StudyResults, study: Study, tables: Sequence[Table]) -> list[PairTable]:
    """Return the pairs of every experiment that asks for them and has any.

    Raises:
        TrackingError: results per case are there and cannot be read.
    """
    by_name = {table.name: table for table in tables}
    found = []
    for experiment in study.experiments:
        compare = experiment.compare
        if compare is None or experiment.name not in by_name:
            continue
        pairs = compare_pairs(results, by_name[experiment.name], compare)
        (factor,) = (f for f in experiment.factors if f.name == compare.levels)
        if pairs:
            table = PairTable(
                experiment=experiment.name,
                title=experiment.title,
                factor=factor,
                over=compare.over,
                pairs=tuple(pairs),
            )
            found.append(table)
    return found


def pairs_csv(tables: Sequence[PairTable]) -> str:
    """Return every pair as CSV."""
    lines = (
        {"experiment": table.experiment, "factor": table.factor.name, **asdict(pair)}
        for table in tables
        for pair in table.pairs
    )
    return csv_text(COMPARISONS_COLUMNS, lines)
