"""Pairs of levels held against each other, against scipy and a loop over resamples."""

from __future__ import annotations

import csv
import dataclasses
import io
import itertools
import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import report_cells as made
import sklearn.metrics
from rich.console import Console
from scipy import stats

from orchestrator.report import Findings, build_report, print_tables, to_json
from orchestrator.report.number import p_text
from orchestrator.report.pair_figure import draw_pairs
from orchestrator.report.pair_table import PairTable
from orchestrator.report.pairs import Pair, compare_pairs
from orchestrator.report.results import StudyResults
from orchestrator.report.tables import build_tables
from search_spaces.compare import Compare
from search_spaces.study import Factor, Study
from trainables.errors import ConfigError

COMPARE = Compare(levels="method", over="set")
RNG = np.random.default_rng(3)
Values = Mapping[tuple[str, str], Sequence[float]]


def study(methods: Sequence[str], sets: Sequence[str]) -> Study:
    factors = {"method": methods, "set": sets}
    return made.study(made.experiment("main", factors, compare=COMPARE))


def results(values: Values, **more: Any) -> StudyResults:
    cells = [
        made.cell("main", {"method": method, "set": where}, made.accuracies(*numbers))
        for (method, where), numbers in values.items()
    ]
    return dataclasses.replace(made.results(*cells), **more)


def pairs(values: Values, **more: Any) -> list[Pair]:
    methods, sets = (list(dict.fromkeys(key[k] for key in values)) for k in (0, 1))
    found = results(values, **more)
    (table,) = build_tables(found, study(methods, sets))
    return compare_pairs(found, table, COMPARE)


def over_sets(n: int) -> dict[tuple[str, str], list[float]]:
    gain = {"a": 0.0, "b": 0.05, "c": 0.3}
    return {
        (method, f"s{k}"): list(gain[method] + 0.5 + RNG.normal(0, 0.05, size=2))
        for method in gain
        for k in range(n)
    }


def test_many_sets_are_compared_by_the_ranks_of_their_means() -> None:
    values = over_sets(8)
    found = pairs(values)
    assert [(p.first, p.second) for p in found] == [("a", "b"), ("a", "c"), ("b", "c")]
    for pair in found:
        a, b = (
            np.array([np.mean(values[name, f"s{k}"]) for k in range(8)])
            for name in (pair.first, pair.second)
        )
        assert pair.effect == pytest.approx(np.mean(a - b))
        assert pair.p == pytest.approx(stats.wilcoxon(a, b).pvalue)
        assert (pair.units, pair.kind) == (8, "Wilcoxon's signed ranks over 8")
    adjusted = [pair.p_holm for pair in found]
    p = sorted(pair.p for pair in found if pair.p is not None)
    assert min(a for a in adjusted if a is not None) == pytest.approx(3 * p[0])


def test_methods_that_are_equal_everywhere_do_not_differ() -> None:
    values = {(m, f"s{k}"): [0.1 * k, 0.1 * k + 0.1] for m in "ab" for k in range(6)}
    (pair,) = pairs(values)
    assert (pair.effect, pair.p) == (0.0, 1.0)


def test_few_sets_are_compared_over_their_seeds_unpaired() -> None:
    values = {("a", "s"): [0.7, 0.72, 0.75], ("b", "s"): [0.6, 0.66, 0.61, 0.63]}
    (pair,) = pairs(values)
    expected = stats.ttest_ind(values["a", "s"], values["b", "s"], equal_var=False)
    assert pair.p == pytest.approx(expected.pvalue)
    assert pair.kind == "Welch's t over seeds"


def test_only_what_both_methods_have_is_compared() -> None:
    values = {
        ("a", "s"): [0.7, 0.8],
        ("b", "s"): [0.6, 0.65],
        ("a", "t"): [0.1, 0.2],
        ("c", "u"): [0.5, 0.6],
    }
    (pair,) = pairs(values)
    assert (pair.first, pair.second, pair.units) == ("a", "b", 1)
    assert pair.effect == pytest.approx(0.75 - 0.625)


def test_one_seed_without_cases_is_no_test() -> None:
    (pair,) = pairs({("a", "s"): [0.7], ("b", "s"): [0.6]})
    assert (pair.p, pair.p_holm) == (None, None)
    assert pair.kind == "a cell has one seed, and no results per case"
    table = PairTable(
        experiment="main",
        title="",
        factor=Factor(name="method", levels=("a", "b")),
        over="data set",
        pairs=(pair,),
    )
    assert table.words == f"Mean difference over data set; no pair is tested: {pair.kind}."


def test_other_factors_are_averaged_before_sets_are_compared() -> None:
    """A set with two places counts as much as a set with one."""
    experiment = made.experiment(
        "main", {"method": "ab", "set": "st", "head": "xy"}, compare=COMPARE
    )
    numbers = {"asx": 0.9, "bsx": 0.5, "asy": 0.7, "bsy": 0.5, "atx": 0.6, "btx": 0.5}
    cells = [
        made.cell("main", dict(zip(("method", "set", "head"), key, strict=True)),
                  made.accuracies(value, value + 0.02))
        for key, value in numbers.items()
    ]  # fmt: skip
    found = made.results(*cells)
    (table,) = build_tables(found, made.study(experiment))
    (pair,) = compare_pairs(found, table, COMPARE)
    assert pair.effect == pytest.approx(((0.4 + 0.2) / 2 + 0.1) / 2)


def predictions(right: Sequence[bool]) -> pa.Table:
    logits = [[0.0, 1.0] if r else [1.0, 0.0] for r in right]
    ids = [str(k) for k in range(len(right))]
    return pa.table(
        {"domain": [""] * len(ids), "id": ids, "label": [1] * len(ids), "logits": logits}
    )


def test_cases_of_one_test_are_resampled_in_pairs() -> None:
    a, b = [True, True, True, False, True], [True, False, False, False, True]
    tables = {"method=a": predictions(a), "method=b": predictions(b)}

    def read(run: str, name: str) -> pa.Table:
        assert name == "predictions.parquet"
        return tables[run.split("/")[1]]

    (pair,) = pairs({("a", "s"): [0.8], ("b", "s"): [0.4]}, read_table=read)
    gains = np.subtract(a, b, dtype=float)
    every = [np.mean(x) for x in itertools.product(gains, repeat=5)]
    assert pair.kind == "paired bootstrap over 5 test cases"
    assert pair.p == pytest.approx(2 * np.mean(np.array(every) <= 0), rel=0.1)
    tables["method=b"] = predictions([*b, False, False, True, False, False])
    (pair,) = pairs({("a", "s"): [0.8], ("b", "s"): [0.3]}, read_table=read)
    assert pair.p is None, "other test cases are no pairs"


def test_areas_of_one_test_are_resampled_in_pairs_whatever_the_order_of_its_cases() -> None:
    """Against a loop that scores both methods on 200 resamples of the same cases."""
    rng = np.random.default_rng(5)
    labels = rng.permutation(np.repeat([0, 1], 30))
    scores = {m: rng.normal(gain * labels + 0.5 * labels) for m, gain in (("a", 1.2), ("b", 0.4))}

    def left(score: np.ndarray, order: np.ndarray) -> pa.Table:
        return pa.table(
            {
                "domain": [""] * 60,
                "id": [f"{k:02}" for k in order],
                "label": labels[order].tolist(),
                "logits": [[0.0, float(score[k])] for k in order],
            }
        )

    def auc(method: str, rows: np.ndarray) -> float:
        return float(sklearn.metrics.roc_auc_score(labels[rows], scores[method][rows]))

    tables = {
        "method=a": left(scores["a"], np.arange(60)),
        "method=b": left(scores["b"], rng.permutation(60)),
    }
    cells = [
        made.cell("main", {"method": m, "set": "s"}, [{"test/auc": auc(m, np.arange(60))}])
        for m in "ab"
    ]
    cells = [
        dataclasses.replace(
            cell, places=tuple(dataclasses.replace(p, metric="test/auc") for p in cell.places)
        )
        for cell in cells
    ]

    def read(run: str, name: str) -> pa.Table:
        assert name == "predictions.parquet"
        return tables[run.split("/")[1]]

    found = dataclasses.replace(made.results(*cells), read_table=read)
    (table,) = build_tables(found, study("ab", "s"))
    (pair,) = compare_pairs(found, table, COMPARE)
    assert pair.kind == "paired bootstrap over 60 test cases"
    gains = [auc("a", rows) - auc("b", rows) for rows in rng.integers(60, size=(200, 60))]
    z = np.mean(gains) / np.std(gains)
    assert pair.p == pytest.approx(2 * stats.norm.sf(z), abs=0.02)


def test_the_matrix_says_both_directions_and_marks_what_holds() -> None:
    found = pairs(over_sets(8))
    factor = study("abc", ["s"]).experiments[0].factors[0]
    figure = draw_pairs(found, factor)
    shown = {text.get_position(): text.get_text() for text in figure.axes[0].texts}
    effect = found[0].effect
    assert shown[1, 0].startswith(f"{effect:+.3f}\n")
    assert shown[0, 1].startswith(f"{-effect:+.3f}\n")
    assert len(shown) == 6
    marked = sum(text.endswith("*") for text in shown.values())
    assert marked == 2 * sum((p.p_holm or math.inf) <= 0.05 for p in found) > 0


def test_the_report_has_the_matrix_and_every_pair(tmp_path: Path) -> None:
    values = over_sets(5)
    of = study("abc", [f"s{k}" for k in range(5)])
    page, *others = build_report(Findings(results=results(values), study=of), tmp_path)
    text = page.read_text()
    assert "method by method" in text
    assert "corrected by Holm over 3 pairs" in text
    assert tmp_path / "figures" / "main-pairs.svg" in others
    lines = list(csv.DictReader(io.StringIO((tmp_path / "comparisons.csv").read_text())))
    assert [(x["experiment"], x["first"], x["second"]) for x in lines] == [
        ("main", "a", "b"),
        ("main", "a", "c"),
        ("main", "b", "c"),
    ]
    assert all(0 < float(x["p"]) <= float(x["p_holm"]) <= 1 for x in lines)


def test_the_terminal_and_the_json_have_every_pair() -> None:
    of = study("abc", [f"s{k}" for k in range(8)])
    findings = Findings(results=results(over_sets(8)), study=of)
    console = Console(width=120, record=True, file=io.StringIO())
    print_tables(findings, console)
    text = console.export_text()
    (body,) = json.loads(json.dumps(to_json(findings), allow_nan=False))["comparisons"]
    assert (body["experiment"], body["factor"], body["over"]) == ("main", "method", "set")
    assert len(body["pairs"]) == 3
    for pair in body["pairs"]:
        row = rf"{pair['first']} +{pair['second']} +{re.escape(format(pair['effect'], '+.3f'))} +"
        assert re.search(row + re.escape(p_text(pair["p_holm"])), text)
    assert "p corrected by Holm over 3 pairs" in text


@pytest.mark.parametrize(
    ("levels", "over", "message"), [("methd", "set", "method"), ("set", "set", "themselves")]
)
def test_what_cannot_be_compared_is_refused(levels: str, over: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        made.experiment(
            "main", {"method": "ab", "set": "s"}, compare=Compare(levels=levels, over=over)
        )
