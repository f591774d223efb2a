"""Matrices that trials leave, as figures."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import report_cells as made

from orchestrator.report.facets import pages
from orchestrator.report.heat_maps import matrix_panels
from trainables.errors import TrackingError


def matrices(bodies: Mapping[str, Any]) -> Any:
    of = made.experiment("sim", {"model": ("vit", "cnn")})
    one = made.cell("sim", {"model": "vit"}, made.accuracies(0.5, 0.5))
    found = made.results(one, read_json=lambda run, _: bodies.get(run[-1]))
    (page,) = pages(of.factors, made.MATRIX.factors, made.MATRIX.panels)
    return matrix_panels(made.MATRIX, "a-b", of, page, found)


def test_a_matrix_is_the_mean_of_the_replicates_that_have_a_value() -> None:
    first, second = [[1.0, 0.2], [None, None]], [[0.8, 0.4], [0.5, None]]
    (panel,) = matrices({"0": made.artifact(first), "1": made.artifact(second)})
    expected = [[0.9, 0.3], [0.5, math.nan]]
    np.testing.assert_allclose(panel.values, expected)
    assert panel.layers == ("0", "1")


def test_a_replicate_without_the_artifact_does_not_count() -> None:
    (panel,) = matrices({"1": made.artifact([[1.0, 0.0], [0.0, 1.0]])})
    np.testing.assert_allclose(panel.values, np.eye(2))
    assert matrices({}) == []


def test_each_matrix_makes_a_figure_from_one_reading() -> None:
    read: list[str] = []

    def body(run: str, name: str) -> Any:
        read.append(f"{run} {name}")
        values = [[1.0, 0.1], [0.1, 1.0]]
        return {"layers": ["x", "y"], "kind": {"all": {"a-b": values, "a-a": values}}}

    both = dataclasses.replace(made.MATRIX, matrices=("a-b", "a-a"))
    of = made.experiment("sim", {"model": ("vit", "cnn")}, figures=(both,))
    one = made.cell("sim", {"model": "vit"}, made.accuracies(0.5, 0.5))
    figures = made.drawn(made.results(one, read_json=body), made.study(of))
    assert [figure.name for figure in figures] == ["m-a-b", "m-a-a"]
    assert [figure.draw().get_supylabel() for figure in figures] == ["a", "a"]
    assert len(read) == 2


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ([1], "not laid out as layers"),
        (made.artifact([[1.0]]), r"matrix 'a-b' is \(1, 1\) for 2 layers"),
    ],
)
def test_an_artifact_laid_out_otherwise_is_named(body: Any, message: str) -> None:
    with pytest.raises(TrackingError, match=rf"sim\.json of sim/model=vit, replicate 0.*{message}"):
        matrices({"0": body})
