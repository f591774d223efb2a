"""Derived tables: what cells give, its interval, and what is said where they give nothing."""

from __future__ import annotations

import csv
import dataclasses
import io
import itertools
import json
import math
import re
from collections.abc import Mapping

import numpy as np
import pytest
import report_cells as made
from report_sample import delivered
from report_sample import study as sample_study
from rich.console import Console
from scipy import stats

from orchestrator.report import Findings, load_study_results, print_tables, to_json
from orchestrator.report.csv_file import results_csv
from orchestrator.report.derived_table import build_derived
from orchestrator.report.latex import table_latex
from orchestrator.report.results import CellResult, PlaceResult, StudyResults, WeightsSource
from orchestrator.report.table import Entry
from orchestrator.report.tables import build_tables
from orchestrator.report.verdict import Verdict
from search_spaces.derived import Derived, Run, Values
from search_spaces.study import Factor, Study
from trainables.errors import ConfigError

MODEL = Factor(name="model", levels=("vit", "cnn"))
INITS = ("ri", "wt")
MAIN = made.experiment("main", {"model": MODEL.levels, "init": INITS})


def ratio(means: Values) -> Values:
    found = {}
    for (model, init), mean in means.items():
        if init == "ri" and (model, "wt") in means:
            found[(model,)] = means[model, "wt"] / mean if mean else math.nan
    return found


def scaled(means: Values) -> Values:
    wt = {model: mean for (model, init), mean in means.items() if init == "wt"}
    low, high = min(wt.values(), default=0), max(wt.values(), default=0)
    return {(k,): (v - low) / (high - low) if high > low else math.nan for k, v in wt.items()}


RATIO = Derived(
    name="gain",
    title="Gain from <transfer>",
    experiment="main",
    factors=(MODEL,),
    compute=ratio,
    published={("vit",): made.published(1.2)},
    value_name="WT/RI",
)
STUDY = made.study(MAIN, derived=(RATIO,))


def main(model: str, init: str, *values: float, **more: str) -> CellResult:
    levels = {"model": model, "init": init}
    return made.cell("main", levels, made.accuracies(*values), **more)  # type: ignore[arg-type]


def entries(results: StudyResults, derived: Derived = RATIO) -> Mapping[str, Entry]:
    study = made.study(MAIN, derived=(derived,))
    table = build_derived(results, study, derived)
    return {entry.levels["model"]: entry for entry in table.entries}


VIT = (main("vit", "ri", 0.5, 0.6, 0.55), main("vit", "wt", 0.8, 0.7, 0.9, 0.85))
CNN = (main("cnn", "ri", 0.5), main("cnn", "wt", 0.75, 0.7))


def test_a_value_follows_from_the_means_and_has_the_smallest_n_of_its_cells() -> None:
    found = entries(made.results(*VIT))["vit"]
    assert found.statistic is not None
    assert found.statistic.mean == pytest.approx(np.mean([0.8, 0.7, 0.9, 0.85]) / 0.55)
    assert found.statistic.n == 3
    assert found.statistic.sd is None


def test_the_interval_is_that_of_every_possible_resample() -> None:
    ri, wt = [0.5, 0.6, 0.55], [0.8, 0.7, 0.9]
    found = entries(made.results(main("vit", "ri", *ri), main("vit", "wt", *wt)))["vit"]
    means_ri = [np.mean(x) for x in itertools.product(ri, repeat=3)]
    means_wt = [np.mean(x) for x in itertools.product(wt, repeat=3)]
    low, high = np.quantile(np.divide.outer(means_wt, means_ri), (0.025, 0.975))
    assert found.statistic is not None
    assert found.statistic.ci95_low == pytest.approx(low, abs=0.02)
    assert found.statistic.ci95_high == pytest.approx(high, abs=0.02)


def test_the_interval_is_the_same_each_time() -> None:
    first, second = (entries(made.results(*VIT))["vit"].statistic for _ in range(2))
    assert first == second


def test_metrics_of_one_cell_are_drawn_from_the_same_replicates() -> None:
    """Each replicate is 0.2 better here than there, whichever replicates are drawn."""
    split = Factor(name="split", levels=("here", "there"))
    metrics = [{"here": 0.2 + value, "there": value} for value in (0.1, 0.4, 0.6, 0.7)]
    cell = made.cell("splits", {}, metrics)
    places = tuple(
        PlaceResult(experiment="splits", levels={"model": "vit", "split": s}, metric=s)
        for s in split.levels
    )
    derived = Derived(
        name="gap",
        title="Gap",
        experiment="splits",
        factors=(Factor(name="model", levels=("vit",)),),
        compute=lambda means: {("vit",): means["vit", "here"] - means["vit", "there"]},
    )
    experiment = made.experiment("splits", {"model": ("vit",), "split": split.levels})
    results = made.results(dataclasses.replace(cell, places=places))
    (entry,) = build_derived(results, made.study(experiment, derived=(derived,)), derived).entries
    assert entry.statistic is not None
    interval = (entry.statistic.ci95_low, entry.statistic.ci95_high)
    assert interval == pytest.approx((0.2, 0.2))


def test_one_replicate_leaves_no_interval() -> None:
    found = entries(made.results(*CNN))["cnn"]
    assert found.statistic is not None
    assert (found.statistic.n, found.statistic.ci95_low) == (1, None)


def test_undefined_is_said_and_not_left_out() -> None:
    zero = made.results(main("cnn", "ri", 0.0, 0.0), main("cnn", "wt", 0.5, 0.5))
    found = entries(zero)["cnn"]
    assert (found.status, found.note, found.statistic) == ("undefined", "undefined (nan)", None)
    line = next(x for x in csv.DictReader(io.StringIO(results_csv(build_tables(zero, STUDY))))
                if x["experiment"] == "gain" and x["level.model"] == "cnn")  # fmt: skip
    assert (line["state"], line["mean"]) == ("undefined", "")


@pytest.mark.parametrize(
    ("cells", "status", "note"),
    [
        ((VIT[0],), "unfinished", "unfinished: 1 of 2 cells have a number"),
        ((main("cnn", "wt", 0.5),), "not run", "not run"),
        (
            (VIT[0], dataclasses.replace(VIT[1], state="failed")),
            "failed",
            "failed: 1 of 2 cells have a number",
        ),
    ],
)
def test_what_cells_are_missing_is_said(
    cells: tuple[CellResult, ...], status: str, note: str
) -> None:
    found = entries(made.results(*cells))["vit"]
    assert (found.status, found.note) == (status, note)


def test_a_value_carries_the_labels_of_its_cells_but_random_only_if_all_are() -> None:
    synthetic = main("vit", "ri", 0.5, kind="synthetic")
    assert entries(made.results(synthetic, VIT[1]))["vit"].labels == ("synthetic",)
    assert entries(made.results(*VIT))["vit"].labels == ()
    source = WeightsSource(card="x", weights="random", digest="e", kind="random")
    random = tuple(dataclasses.replace(c, weights=(source,)) for c in VIT)
    assert entries(made.results(*random))["vit"].labels == ("random",)
    assert entries(made.results(random[0], VIT[1]))["vit"].labels == ()


def test_a_value_stands_on_the_cells_that_would_change_it() -> None:
    table = dataclasses.replace(RATIO, compute=scaled, factors=(
        Factor(name="model", levels=("a", "b", "c")),), published={})  # fmt: skip
    grid = made.experiment("main", {"model": ("a", "b", "c"), "init": INITS})
    cells = [main(m, "wt", v, v, kind=k) for m, v, k in
             (("a", 0.1, "synthetic"), ("b", 0.3, "real"), ("c", 0.5, "real"))]  # fmt: skip
    study = made.study(grid, derived=(table,))
    found = build_derived(made.results(*cells), study, table).entries
    by_model = {e.levels["model"]: e for e in found}
    assert by_model["b"].labels == ("synthetic",), "the least of the scale is synthetic"
    assert {c.name for c in by_model["b"].under} == {c.name for c in cells}


def verdict(results: StudyResults, derived: Derived = RATIO) -> Verdict:
    tables = build_tables(results, made.study(MAIN, derived=(derived,)))
    (found,) = [e.verdict for e in tables[1].entries if e.verdict is not None]
    return found


def test_only_what_is_comparable_is_held_against_the_paper() -> None:
    assert verdict(made.results(*VIT)).word == "reproduced"
    doubtful = dataclasses.replace(made.published(1.2), doubt="Table 1 has another")
    suspect = dataclasses.replace(RATIO, published={("vit",): doubtful})
    assert verdict(made.results(*VIT), suspect).why == "the published number is suspect"
    synthetic = main("vit", "ri", 0.5, 0.6, 0.55, kind="synthetic")
    assert verdict(made.results(synthetic, VIT[1])).why == "generated pictures"


def test_a_derived_number_is_compared_by_the_error_of_its_bootstrap() -> None:
    ri, wt = [0.5, 0.6, 0.55], [0.8, 0.7, 0.9]
    far = dataclasses.replace(RATIO, published={("vit",): made.published(20.0)})
    found = verdict(made.results(main("vit", "ri", *ri), main("vit", "wt", *wt)), far)
    means = [[np.mean(x) for x in itertools.product(v, repeat=3)] for v in (wt, ri)]
    se = np.std(np.divide.outer(*means))
    assert found.comparison is not None
    expected = 2 * stats.t.sf((20 - 0.8 / 0.55) / se, 2)
    assert found.comparison.p == pytest.approx(expected, rel=0.15)
    assert (found.word, found.comparison.kind[-3:]) == ("lower", "n=3")


def test_run_value_sees_curve_and_config() -> None:
    seen: list[Run] = []

    def rate(run: Run) -> float:
        seen.append(run)
        return float(run.params["optimizer.lr"])

    table = dataclasses.replace(RATIO, run_value=rate)
    found = entries(made.results(*VIT), table)["vit"]
    assert found.statistic is not None
    assert found.statistic.mean == pytest.approx(0.025 / 0.02)
    assert (seen[0].steps, seen[0].values, seen[0].value) == ((1,), (0.5,), 0.5)


def test_a_run_value_that_fails_names_table_and_cell() -> None:
    table = dataclasses.replace(RATIO, run_value=lambda run: run.metrics["nothing"])
    with pytest.raises(ConfigError, match=r"'gain'.*replicate 0 of cell main/model=vit.*nothing"):
        entries(made.results(*VIT), table)


def test_a_value_outside_the_table_is_an_error() -> None:
    table = dataclasses.replace(RATIO, compute=lambda means: {("mlp",): 1.0} if means else {})
    with pytest.raises(ConfigError, match=r"'gain'.*\('mlp',\)"):
        entries(made.results(*VIT), table)


def test_derived_tables_follow_their_experiment_everywhere() -> None:
    other = made.experiment("other", {"model": MODEL.levels})
    study = made.study(MAIN, other, derived=(RATIO,))
    found = made.results(*VIT, made.cell("other", {"model": "vit"}, made.accuracies(0.1)))
    assert [t.name for t in build_tables(found, study)] == ["main", "gain", "other"]
    console = Console(width=120, record=True, file=io.StringIO())
    print_tables(Findings(results=found, study=study), console)
    shown = " ".join(console.export_text().split())
    assert "Gain from <transfer>" in shown
    assert "percentile bootstrap over replicates, n=3" in shown
    assert re.search(r"1\.477 \(1\.\d+ to 1\.\d+\) paper 1\.200", shown)
    assert "paper 1.200" in shown
    latex = table_latex(build_tables(found, study)[1])
    assert r"Gain from \textless{}transfer\textgreater{}" in latex
    assert "percentile bootstrap" in latex
    body = json.loads(json.dumps(to_json(Findings(results=found, study=study)), allow_nan=False))
    assert [t["experiment"] for t in body["tables"]] == ["main", "gain", "other"]
    assert body["tables"][1]["entries"][0]["cells"] == [c.cell for c in VIT]


def test_the_config_of_trials_comes_back_from_the_store() -> None:
    def rate(run: Run) -> float:
        return float(run.params["optimizer.lr"])

    weights, method = sample_study().experiment("transfer").factors
    table = Derived(
        name="rates",
        title="",
        experiment="transfer",
        factors=(weights, method),
        compute=lambda means: means,
        run_value=rate,
    )
    study: Study = dataclasses.replace(sample_study(), derived=(table,))
    found = build_derived(load_study_results(delivered(), "grafts"), study, table)
    rates = {tuple(e.levels.values()): e.statistic for e in found.entries if e.statistic}
    assert {levels: s.mean for levels, s in rates.items()} == {
        ("imagenet", "knn"): pytest.approx(0.1),
        ("imagenet", "linear"): pytest.approx(0.1),
        ("random", "knn"): pytest.approx(0.1),
    }
