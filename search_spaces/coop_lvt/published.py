"""The paper's own numbers, and the mean over domains that its tables end with."""

from __future__ import annotations

from search_spaces.coop_lvt.grid import DOMAINS, PAPER_METHOD, TITLES
from search_spaces.derived import Values
from search_spaces.published_numbers import PublishedRow, published_rows
from search_spaces.study import Published

_METHODS = {title: level for level, title in PAPER_METHOD.titles.items()}
_DOMAINS = {title: level for level, title in TITLES.items()}
_MEAN = "Avg"
_PERCENT = 0.01


def table1() -> dict[tuple[str, ...], Published]:
    """Return Table 1 by method and test domain; its ± is a standard error, whatever it says."""
    return {
        (_METHODS[row.method], _DOMAINS[row.domain]): _with_error(row)
        for row in published_rows("coop_lvt", "Table 1")
        if row.domain != _MEAN
    }


def table1_mean() -> dict[tuple[str, ...], Published]:
    """Return the last column of Table 1."""
    rows = published_rows("coop_lvt", "Table 1")
    return {(_METHODS[row.method],): _with_error(row) for row in rows if row.domain == _MEAN}


def table2() -> dict[tuple[str, ...], Published]:
    """Return Table 2 by method, train and test domain; it has no errors."""
    return {
        (_METHODS[row.method], train, _DOMAINS[row.domain]): row.as_published(unit=_PERCENT)
        for train, row in _single_source()
        if row.domain != _MEAN
    }


def table2_mean() -> dict[tuple[str, ...], Published]:
    """Return the last column of Table 2."""
    return {
        (_METHODS[row.method], train): row.as_published(unit=_PERCENT)
        for train, row in _single_source()
        if row.domain == _MEAN
    }


def mean_over_test_domains(means: Values) -> Values:
    """Return the plain mean over the last level, where every test domain has a number."""
    rows: dict[tuple[str, ...], dict[str, float]] = {}
    for levels, mean in means.items():
        rows.setdefault(levels[:-1], {})[levels[-1]] = mean
    return {
        levels: sum(by_domain.values()) / len(by_domain)
        for levels, by_domain in rows.items()
        if set(by_domain) | {levels[-1]} >= set(DOMAINS)
    }


def _single_source() -> list[tuple[str, PublishedRow]]:
    return [
        (train, row)
        for title, train in _DOMAINS.items()
        for row in published_rows("coop_lvt", f"Table 2 (train={title})")
    ]


def _with_error(row: PublishedRow) -> Published:
    return row.as_published(error_kind="population_se", n=3, unit=_PERCENT)
