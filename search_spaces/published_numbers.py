"""Reads the numbers papers print, kept as one CSV per study in ``published/``."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from search_spaces.study import ErrorKind, Published
from trainables.errors import ConfigError, did_you_mean

_COLUMNS = ("paper", "table", "method", "dataset", "domain", "metric", "value", "error")


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishedRow:
    """One number as a paper prints it.

    Args:
        error: what stands behind the ± (or the reading error of a digitised figure), if anything.
    """

    paper: str
    table: str
    method: str
    dataset: str
    domain: str
    metric: str
    value: float
    error: float | None

    def as_published(
        self, error_kind: ErrorKind = "none", n: int | None = None, unit: float = 1.0
    ) -> Published:
        """Return the number for a table of ours.

        Args:
            error_kind: what the paper's ± means.
            unit: what one unit of the paper's column is of ours (0.01 for percent).
        """
        return Published(
            value=self.value * unit,
            source=f"{self.paper}, {self.table}",
            error=None if self.error is None else self.error * unit,
            error_kind=error_kind,
            n=n,
        )


def published_rows(study: str, table: str) -> list[PublishedRow]:
    """Return the rows of one table of ``published/<study>.csv``.

    Raises:
        ConfigError: the file has no such table or not the columns it should have.
    """
    rows = _rows(study)
    tables = {row.table for row in rows}
    if table not in tables:
        raise ConfigError(f"published/{study}.csv has no {table}.{did_you_mean(table, tables)}")
    return [row for row in rows if row.table == table]


@cache  # a study asks for one table after the other
def _rows(study: str) -> tuple[PublishedRow, ...]:
    text = (files("search_spaces") / "published" / f"{study}.csv").read_text(encoding="utf-8")
    reader = csv.DictReader(text.splitlines())
    if tuple(reader.fieldnames or ()) != _COLUMNS:
        raise ConfigError(f"published/{study}.csv has columns {reader.fieldnames}, not {_COLUMNS}")
    return tuple(_row(values) for values in reader)


def _row(values: dict[str, str]) -> PublishedRow:
    texts = {name: values[name] for name in _COLUMNS[:6]}
    error = values["error"].strip()
    return PublishedRow(
        **texts, value=float(values["value"]), error=float(error) if error else None
    )
