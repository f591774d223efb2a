"""Runs are read page by page, also while others begin."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from orchestrator.report.load import _all_runs


class _Page(list[Any]):
    def __init__(self, names: str, token: str) -> None:
        super().__init__(SimpleNamespace(info=SimpleNamespace(run_id=name)) for name in names)
        self.token = token


class _Store:
    """The newest run comes first; one began after the first page was read."""

    def search_runs(self, _: list[str], *, max_results: int, page_token: str | None) -> _Page:
        del max_results
        return _Page("bc", "") if page_token else _Page("ab", "second")


def test_a_run_that_moved_to_the_next_page_is_one_run() -> None:
    assert [run.info.run_id for run in _all_runs(_Store(), "1")] == ["a", "b", "c"]
