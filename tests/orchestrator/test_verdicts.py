"""Verdicts on our numbers beside the published ones, against scipy and loops."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import report_cells as made
from scipy import stats
from sklearn.metrics import f1_score

from orchestrator.report.bootstrap import DRAWS, bootstrap_p, resampled
from orchestrator.report.case_metric import CaseMetric, case_metric, mean_metric
from orchestrator.report.comparison import against_published, over_cases
from orchestrator.report.number import difference_text, p_text
from orchestrator.report.results import CellResult, DataSource, StudyResults
from orchestrator.report.statistics import summarise
from orchestrator.report.tables import build_tables
from orchestrator.report.verdict import SYMBOLS, Verdict
from search_spaces.study import Budget, Published, Study
from trainables.metrics.classification import classification_metrics

OURS = [0.81, 0.82, 0.85]


def published(value: float, **more: Any) -> Published:
    return Published(value=value, source="Table 1", **more)


def study(numbers: Mapping[str, Published], **budget: int) -> Study:
    return made.study(
        made.experiment(
            "main",
            {"method": [*numbers]},
            published={(method,): number for method, number in numbers.items()},
            budget=Budget(**budget),
        )
    )


def cell(method: str, values: Sequence[float], **changed: Any) -> CellResult:
    found = made.cell("main", {"method": method}, made.accuracies(*values))
    return dataclasses.replace(found, **changed)


def verdicts(results: StudyResults, of: Study) -> dict[str, Verdict]:
    (table,) = build_tables(results, of)
    return {e.levels["method"]: e.verdict for e in table.entries if e.verdict is not None}


def only(ours: CellResult, number: Published | None = None, **budget: int) -> Verdict:
    (found,) = verdicts(
        made.results(ours), study({"a": number or published(0.8)}, **budget)
    ).values()
    return found


# The comparison


def test_a_number_without_error_is_held_against_by_one_sample_t() -> None:
    ours = summarise(OURS)
    assert ours is not None
    found = against_published(ours, published(0.8), "t over seeds")
    expected = stats.ttest_1samp(OURS, 0.8)
    interval = expected.confidence_interval(0.95)
    assert found is not None
    assert found.p == pytest.approx(expected.pvalue)
    assert (found.low + 0.8, found.high + 0.8) == pytest.approx(tuple(interval))
    assert found.kind == "t over seeds, n=3"


@pytest.mark.parametrize("kind", ["sd", "se", "population_se", "ci95"])
def test_a_published_spread_over_runs_counts_by_welch(kind: Any) -> None:
    sd, n = 0.02, 5
    se = sd / math.sqrt(n)
    error = {
        "sd": sd,
        "se": se,
        "population_se": se * math.sqrt((n - 1) / n),
        "ci95": stats.t.ppf(0.975, n - 1) * se,
    }
    ours = summarise(OURS)
    assert ours is not None
    found = against_published(ours, published(0.8, error=error[kind], error_kind=kind, n=n), "t")
    expected = stats.ttest_ind_from_stats(ours.mean, ours.sd, 3, 0.8, sd, n, equal_var=False)
    assert found is not None
    assert found.p == pytest.approx(expected.pvalue)
    assert found.kind == "Welch's t, n=3 against n=5"


@pytest.mark.parametrize(
    "more", [{"error_kind": "sd"}, {"error_kind": "none", "n": 5}, {"error_kind": "sd", "n": 1}]
)
def test_an_error_of_unknown_kind_or_n_leaves_the_published_number_exact(more: Any) -> None:
    ours = summarise(OURS)
    assert ours is not None
    found = against_published(ours, published(0.8, error=0.02, **more), "t")
    assert found == against_published(ours, published(0.8), "t")


def test_one_seed_or_equal_seeds_have_nothing_to_compare_by() -> None:
    for values in ([0.8], [0.8, 0.8], [0.8, math.nan]):
        ours = summarise(values)
        assert ours is not None
        assert against_published(ours, published(0.9), "t") is None


# The bootstrap


def means(values: Sequence[float]) -> CaseMetric:
    return mean_metric({f"{k:04}": value for k, value in enumerate(values)})


def test_resampled_means_are_those_of_every_possible_resample() -> None:
    values = [0.1, 0.4, 0.7, 0.3]
    every = [np.mean(x) for x in itertools.product(values, repeat=4)]
    (drawn,) = resampled([means(values)])
    assert len(drawn) == DRAWS
    assert drawn.std() == pytest.approx(np.std(every), rel=0.03)
    assert np.quantile(drawn, 0.1) == pytest.approx(np.quantile(every, 0.1), abs=0.03)


def test_the_same_cases_are_drawn_alike_in_one_call_and_in_several() -> None:
    rng = np.random.default_rng(1)
    one, other = (means(rng.uniform(size=300)) for _ in range(2))
    together = resampled([one, other])
    assert np.array_equal(together[1], resampled([other])[0])
    for metric, drawn in zip((one, other), together, strict=True):
        scores = metric.weigh(np.eye(300))
        assert drawn.mean() == pytest.approx(scores.mean(), abs=0.002)
        assert drawn.std() == pytest.approx(scores.std() / math.sqrt(300), rel=0.03)


def test_the_bootstrap_over_cases_is_near_the_binomial_test() -> None:
    found = over_cases(means([1.0] * 80 + [0.0] * 20), 0.7)
    assert found is not None
    assert found.p == pytest.approx(stats.binomtest(80, 100, 0.7).pvalue, abs=0.02)
    low, high = stats.binom.ppf([0.025, 0.975], 100, 0.8) / 100
    assert (found.low + 0.7, found.high + 0.7) == pytest.approx((low, high), abs=0.011)
    assert over_cases(means([1.0, 1.0]), 0.7) is None


def test_a_p_value_is_never_zero_and_at_most_one() -> None:
    draws = np.zeros(99)
    assert bootstrap_p(draws, 1.0) == pytest.approx(0.02)
    assert bootstrap_p(draws, 0.0) == 1.0


# The verdict


def test_the_words_say_on_which_side_ours_is() -> None:
    assert only(cell("a", OURS), published(0.8)).word == "reproduced"
    assert only(cell("a", OURS), published(0.5)).word == "higher"
    assert only(cell("a", OURS), published(0.99)).word == "lower"
    assert len(set(SYMBOLS.values())) == 4


def test_what_one_test_would_call_different_a_table_of_many_may_not() -> None:
    number = published(0.757)
    assert only(cell("a", OURS), number).word == "higher"
    others = {name: published(0.826) for name in "bcd"}
    results = made.results(cell("a", OURS), *(cell(name, OURS) for name in others))
    found = verdicts(results, study({"a": number, **others}))
    p = stats.ttest_1samp(OURS, 0.757).pvalue
    assert p < 0.05 < 4 * p
    assert found["a"].word == "reproduced"
    assert found["a"].p_holm == pytest.approx(4 * p)
    assert found["a"].text == "≈ reproduced (alone higher)"
    assert found["b"].text == "≈ reproduced"


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        (
            {"data": (DataSource(name="x", digest="d", kind="synthetic", source=""),)},
            "generated pictures",
        ),
        ({"selection": {"smoke": True}}, "scaled-down run"),
        ({"selection": {"twin": True}}, "scaled-down run"),
        (
            {"selection": {"overrides": {"optimizer.lr": "1", "other": "2"}}},
            "settings changed (optimizer.lr)",
        ),
        ({"selection": {"overrides": {"optimizer": "2"}}}, "settings changed (optimizer)"),
        ({"selection": {"search_trials": 2}, "recipe": "search"}, "2 of 8 search trials"),
    ],
)
def test_a_run_that_is_not_what_the_study_asks_for_is_not_comparable(
    changed: dict[str, Any], why: str
) -> None:
    assert only(cell("a", OURS)).why == ""
    found = only(cell("a", OURS, **changed))
    assert (found.word, found.comparison) == ("not comparable", None)
    assert found.why == why


def test_fewer_replicates_than_the_study_asks_for_are_not_comparable() -> None:
    assert only(cell("a", OURS), replicates=5).why == "3 of 5 replicates"


def test_settings_of_other_cells_leave_a_cell_as_it_is() -> None:
    selection = {"overrides": {"elsewhere.lr": "1"}, "search_trials": 2}
    assert only(cell("a", OURS, selection=selection)).word == "reproduced"


def test_numbers_on_an_older_copy_of_the_data_are_not_comparable() -> None:
    def on(method: str, digest: str, planned: int) -> CellResult:
        data = (DataSource(name="fundus", digest=digest, kind="real", source=""),)
        return cell(method, OURS, data=data, planned=planned)

    numbers = study({"a": published(0.8), "b": published(0.8)})
    found = verdicts(made.results(on("a", "new", 2), on("b", "old", 1)), numbers)
    assert found["a"].word == "reproduced"
    assert found["b"].why == "another copy of the data (fundus)"


def test_a_suspect_number_is_not_held_against_ours() -> None:
    assert only(cell("a", OURS), published(0.8, doubt="contradicts Table 2")).why == (
        "the published number is suspect"
    )


# One seed, with results per case


def with_cases(table: pa.Table | None, value: float, metric: str = made.METRIC) -> Verdict:
    ours = made.cell("main", {"method": "a"}, [{metric: value}])
    places = tuple(dataclasses.replace(place, metric=metric) for place in ours.places)
    results = dataclasses.replace(
        made.results(dataclasses.replace(ours, places=places)), read_table=lambda *_: table
    )
    (found,) = verdicts(results, study({"a": published(0.5)}, replicates=1)).values()
    return found


def predictions(right: Sequence[bool], domain: str = "here") -> pa.Table:
    n = len(right)
    return pa.table(
        {
            "domain": [domain] * n,
            "id": [str(k) for k in range(n)],
            "label": [1] * n,
            "logits": [[0.0, 1.0] if r else [2.0, 1.0] for r in right],
        }
    )


def test_one_seed_is_compared_over_its_test_cases() -> None:
    found = with_cases(predictions([True] * 90 + [False] * 10), 0.9)
    assert found.word == "higher"
    assert found.comparison is not None
    assert found.comparison.kind == "bootstrap over 100 test cases, one seed"
    assert found.comparison.difference == pytest.approx(0.4)


def test_dice_is_compared_over_cases_with_something_to_outline() -> None:
    dice = [0.3, 0.5, 0.7, 1.0]
    table = pa.table(
        {"domain": [""] * 4, "case": list("abcd"), "empty_target": [0, 0, 0, 1], "dice": dice}
    )
    all_of_them = with_cases(table, np.mean(dice), "test/dice").comparison
    some = with_cases(table, np.mean(dice[:3]), "test/dice_nonempty").comparison
    assert all_of_them is not None
    assert some is not None
    assert "over 4 test cases" in all_of_them.kind
    assert "over 3 test cases" in some.kind


def scored(seed: int = 0, n: int = 60) -> tuple[pa.Table, np.ndarray, np.ndarray]:
    """Return what a run leaves of three classes, its logits and labels."""
    rng = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(3), rng.integers(3, size=n - 3)])
    logits = (np.eye(3)[labels] * 1.2 + rng.normal(size=(n, 3))).astype(np.float32)
    columns = {
        "domain": [""] * n,
        "id": [f"{k:03}" for k in range(n)],
        "label": labels.tolist(),
        "logits": logits.tolist(),
    }
    return pa.table(columns), logits, labels


def test_metrics_that_are_no_means_are_resampled_whole() -> None:
    """Against a loop that scores 200 resamples of the cases."""
    table, logits, labels = scored()
    values = classification_metrics(logits, labels)
    rng = np.random.default_rng(1)
    drawn = [
        classification_metrics(logits[rows], labels[rows])
        for rows in rng.integers(60, size=(200, 60))
    ]
    for name in ("balanced_accuracy", "recall_macro", "kappa", "macro_f1", "auc", "roc_auc"):
        found = with_cases(table, values[name], f"test/{name}").comparison
        assert found is not None
        assert found.kind == "bootstrap over 60 test cases, one seed"
        assert found.difference == pytest.approx(values[name] - 0.5)
        spread = np.std([row[name] for row in drawn])
        assert found.high - found.low == pytest.approx(2 * 1.96 * spread, rel=0.2), name


@pytest.mark.parametrize(
    ("table", "metric"),
    [
        (None, made.METRIC),
        (predictions([True, False]), made.METRIC),
        (predictions([True] * 9 + [False]), "test/auc"),
        (predictions([True] * 9 + [False]), "chosen/accuracy"),
        (predictions([True] * 9 + [False]), "test/weighted_kappa"),
    ],
)
def test_a_metric_that_does_not_follow_from_the_cases_left_has_no_interval(
    table: pa.Table | None, metric: str
) -> None:
    assert with_cases(table, 0.9, metric).why == "one seed has no interval"


@pytest.mark.parametrize(
    ("split", "mean", "n"),
    [
        ("class/cyst", 0.4, 2),
        ("class/polyp", 0.7, 3),
        ("domain/north", 0.5, 3),
        ("domain/s", 0.7, 2),
    ],
)
def test_dice_of_a_class_or_domain_is_compared_over_its_cases(
    split: str, mean: float, n: int
) -> None:
    table = pa.table(
        {
            "domain": ["north", "north", "north", "s", "s"],
            "class": ["cyst", "cyst", "polyp", "polyp", "polyp"],
            "case": list("abcde"),
            "empty_target": [False] * 5,
            "dice": [0.3, 0.5, 0.7, 0.6, 0.8],
        }
    )
    found = with_cases(table, mean, f"test/{split}/dice").comparison
    assert found is not None
    assert found.difference == pytest.approx(mean - 0.5)
    assert f"over {n} test cases" in found.kind
    assert with_cases(table, mean, f"test/scanner/{split}/dice").comparison is None


def test_a_multilabel_test_is_compared_over_its_cases() -> None:
    rng = np.random.default_rng(0)
    labels, logits = rng.integers(0, 2, (30, 3)), rng.normal(size=(30, 3))
    table = pa.table(
        {
            "domain": [""] * 30,
            "id": [str(k) for k in range(30)],
            "label": labels.tolist(),
            "logits": logits.tolist(),
        }
    )
    value = f1_score(labels, logits > 0, average="macro")
    found = with_cases(table, value, "test/macro_f1").comparison
    assert found is not None
    assert found.difference == pytest.approx(value - 0.5)
    rows = rng.integers(30, size=(2000, 30))
    drawn = [f1_score(labels[row], logits[row] > 0, average="macro") for row in rows]
    assert (found.low, found.high) == pytest.approx(
        np.percentile(drawn, [2.5, 97.5]) - 0.5, abs=0.02
    )


def test_a_metric_without_a_value_on_some_resample_has_no_interval() -> None:
    labels = [1, *[0] * 9]
    table = pa.table(
        {
            "domain": [""] * 10,
            "id": list("abcdefghij"),
            "label": labels,
            "logits": [[0.0, k / 10] for k in range(10)],
        }
    )
    assert with_cases(table, 0.0, "test/auc").why == "one seed has no interval"


def test_a_part_of_the_cases_is_not_taken_for_all_of_them() -> None:
    """Half of all cases are right, and half of the part that was tested: equal by chance."""
    ours = made.cell(
        "main", {"method": "a"}, [{made.METRIC: 0.5, "test_all/accuracy": 0.5}]
    ).replicates[0]
    left = dataclasses.replace(
        made.results(), read_table=lambda *_: predictions([True, False, True, False])
    )
    assert case_metric(left, ours, made.METRIC) is None
    whole = case_metric(left, ours, "test_all/accuracy")
    assert whole is not None
    assert len(whole.cases) == 4


def test_a_part_of_the_cases_is_taken_where_the_run_says_which() -> None:
    table = predictions([True, False, True, False, True])
    table = table.append_column("tested", [[True, False, True, True, False]])
    metrics = {made.METRIC: 2 / 3, "test/here/accuracy": 2 / 3, "test_all/accuracy": 0.6}
    ours = made.cell("main", {"method": "a"}, [metrics]).replicates[0]
    left = dataclasses.replace(made.results(), read_table=lambda *_: table)
    sizes = {}
    for name in metrics:
        found = case_metric(left, ours, name)
        assert found is not None
        sizes[name] = len(found.cases)
    assert sizes == {made.METRIC: 3, "test/here/accuracy": 3, "test_all/accuracy": 5}


def test_cases_of_a_shifted_domain_are_those_of_that_domain() -> None:
    both = pa.concat_tables(
        [predictions([True] * 20), predictions([True, False] * 10, domain="there")]
    )
    found = with_cases(both, 0.5, "test_shift/there/accuracy").comparison
    assert found is not None
    assert "over 20 test cases" in found.kind


# How it is said


def test_a_difference_is_said_with_its_sign_and_interval() -> None:
    ours = summarise(OURS)
    assert ours is not None
    found = against_published(ours, published(0.85), "t")
    assert found is not None
    assert difference_text(found) == "-0.023 (95 % -0.075 to +0.028)"
    assert [p_text(p) for p in (0.456, 0.0312, 0.00042)] == ["0.46", "0.031", "< 0.001"]


def test_verdicts_are_counted_with_the_reasons() -> None:
    numbers = {name: published(0.8) for name in "abc"}
    results = made.results(cell("a", OURS), cell("b", [0.8]), cell("c", [0.9]))
    (table,) = build_tables(results, study(numbers, replicates=1))
    assert table.verdicts == (
        "1 reproduced (Holm over 1); 2 not comparable: one seed has no interval (2)"
    )
