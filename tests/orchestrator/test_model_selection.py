"""Which record each rule picks, and the tables that follow, against the released ones."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Sequence

import numpy as np
import pytest
from domainbed_sample import ALGORITHM, job, logged, published_records, record, train_args
from scipy import stats

from orchestrator.domainbed_log import Job, LogMetric, read_log
from orchestrator.report.collector import collect, summarised
from orchestrator.report.model_selection import Rule, choose
from orchestrator.report.selection_tables import selection_csv, selection_json, selection_tables

NAN = math.nan


@pytest.fixture(scope="module")
def published() -> list[Job]:
    jobs = []
    for (env, trial_seed), records in published_records().items():
        asked = train_args([env], trial_seed)
        text = "\n".join(json.dumps(logged(asked, **values)) for values in records)
        jobs.append(read_log(text, "log", f"{env}-{trial_seed}").job)
    assert sum(len(job.records) for job in jobs) == 312
    return jobs


def printed(jobs: Sequence[Job], rule: Rule, picked_by: LogMetric, metric: LogMetric) -> list[str]:
    """Return the one row of a table: each target, then the average."""
    table = collect(jobs, rule, picked_by, metric)
    (row,) = table.rows
    return ["–" if found is None else found.text for found in row.listed(table.targets)]


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("acc", "46.2 +/- 4.4, 65.9 +/- 2.0, 65.5 +/- 0.4, 70.6 +/- 0.6, 62.1 +/- 1.4"),
        ("f1m", "31.9 +/- 2.6, 32.2 +/- 0.3, 46.2 +/- 0.7, 51.6 +/- 0.3, 40.5 +/- 0.5"),
        ("f1w", "49.9 +/- 3.7, 64.1 +/- 0.3, 65.1 +/- 0.6, 68.6 +/- 0.9, 61.9 +/- 0.5"),
    ],
)
def test_the_released_logs_give_the_released_tables(
    published: list[Job], metric: LogMetric, expected: str
) -> None:
    assert ", ".join(printed(published, "training-domain", metric, metric)) == expected


RECOMPUTED = """
training-domain acc acc 46.234 65.943 65.486 70.607 62.067  4.359 2.042 0.400 0.604 1.438
training-domain acc f1m 33.104 31.554 46.374 51.352 40.596  2.315 0.522 0.380 0.703 0.531
training-domain acc f1w 49.879 64.073 64.889 69.203 62.011  3.678 0.748 0.417 0.273 0.984
training-domain f1m acc 43.049 64.190 63.819 68.410 59.867  4.656 0.839 1.491 1.047 0.770
training-domain f1m f1m 31.864 32.216 46.220 51.650 40.488  2.574 0.321 0.658 0.323 0.482
training-domain f1m f1w 47.553 63.416 64.289 68.024 60.820  4.004 0.309 1.064 0.750 0.642
training-domain f1w acc 46.234 66.008 65.556 69.508 61.827  4.359 0.657 0.456 1.378 0.538
training-domain f1w f1m 33.104 32.166 46.504 51.557 40.833  2.315 0.296 0.486 0.346 0.474
training-domain f1w f1w 49.879 64.145 65.057 68.586 61.917  3.678 0.286 0.551 0.905 0.548
oracle          acc acc 37.850 60.625 63.715 67.741 57.483  0.836 0.724 0.654 1.526 0.490
oracle          f1m f1m 28.908 31.548 46.974 50.675 39.526  1.626 0.388 0.336 1.036 0.431
oracle          f1w f1w 43.188 61.727 64.967 67.641 59.381  1.076 0.369 0.519 1.060 0.232
"""
"""Rule, metric that picks, metric; means of the four targets and their average; errors.

Good to one in the third decimal."""


@pytest.mark.parametrize("line", RECOMPUTED.strip().splitlines())
def test_every_rule_and_metric_gives_what_a_recomputation_of_the_logs_gave(
    published: list[Job], line: str
) -> None:
    rule, picked_by, metric, *numbers = line.split()
    table = collect(published, rule, picked_by, metric)  # type: ignore[arg-type]
    (row,) = table.rows
    found = [number for number in row.listed(table.targets) if number is not None]
    ours = [100 * n.statistic.mean for n in found] + [100 * (n.error or 0.0) for n in found]
    assert ours == pytest.approx([float(number) for number in numbers], abs=0.001)


@pytest.mark.parametrize("picked_by", ["acc", "f1m", "f1w"])
@pytest.mark.parametrize("metric", ["acc", "f1m", "f1w"])
def test_the_training_domain_rule_is_an_argmax_over_the_file(
    published: list[Job], picked_by: LogMetric, metric: LogMetric
) -> None:
    (row,) = collect(published, "training-domain", picked_by, metric).rows
    for env in range(4):
        expected = []
        for trial_seed in range(3):
            records = published_records()[env, trial_seed]
            sources = [f"env{i}_out_{picked_by}" for i in range(4) if i != env]
            validation = np.array([[r[key] for key in sources] for r in records]).mean(axis=1)
            expected.append(records[int(validation.argmax())][f"env{env}_in_{metric}"])
        assert list(row.numbers[f"env{env}"].values) == expected


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("acc", "54.37@4000 70.66@4800 64.90@4600 70.92@2600 48.16@3000 65.02@4000 65.10@4000 "
                "69.20@2600 36.18@3200 62.15@4200 66.46@4800 71.70@2400"),
        ("f1m", "38.15@4000 32.49@4400 44.91@3000 51.06@4800 29.09@3800 31.44@4000 46.06@4400 "
                "52.40@3600 28.35@3200 32.71@4200 47.69@3800 51.49@4200"),
        ("f1w", "57.30@4000 63.82@4400 64.59@4600 66.37@4800 50.59@3000 63.77@4000 64.19@4000 "
                "69.55@3600 41.74@3200 64.85@4600 66.39@3800 69.83@2400"),
    ],
)  # fmt: skip
def test_each_repetition_has_its_own_step_and_value(
    published: list[Job], metric: LogMetric, expected: str
) -> None:
    table = collect(published, "training-domain", metric, metric)
    (row,) = table.rows
    found = [
        f"{100 * row.trials[target][seed].value:.2f}@{row.trials[target][seed].step}"
        for seed in range(3)
        for target in table.targets
    ]
    assert found == expected.split()


def test_the_logs_without_test_domains_of_more_than_one_have_no_leave_one_out_table(
    published: list[Job],
) -> None:
    assert collect(published, "leave-one-domain-out", "acc", "acc").rows == ()


def test_the_error_is_that_of_numpy_and_the_interval_that_of_scipy() -> None:
    values = [0.1, 0.2, 0.3]
    number = summarised(values)
    assert number.text == "20.0 +/- 4.7"
    assert number.error == pytest.approx(np.std(values) / math.sqrt(3))
    low, high = stats.t.interval(0.95, 2, loc=0.2, scale=stats.sem(values))
    assert number.statistic.ci95_low == pytest.approx(low)
    assert number.statistic.ci95_high == pytest.approx(high)
    assert number.interval_text == f"{100 * low:.1f} to {100 * high:.1f}"


def test_one_value_has_no_error() -> None:
    number = summarised([0.25])
    assert (number.text, number.error_text, number.interval_text) == ("25.0", "(n=1)", "")


def test_nan_values_are_shown_not_averaged_away() -> None:
    assert summarised([0.5, NAN]).text == "nan +/- nan"


def source_record(step: int, validation: float, test: float, target_out: float = 0.0) -> object:
    return record(
        step, {"0_in_acc": test, "0_out_acc": target_out, "1_out_acc": validation, "2_out_acc": 0.5}
    )


def pick(rule: Rule, *jobs: Job) -> tuple[int, int] | None:
    """Return (hparams_seed, step) of what is picked with environment 0 held out."""
    choice = choose(rule, jobs, 0, "acc")
    return None if choice is None else (choice.job.hparams_seed, choice.record.step)


def make(*validations: float, **args: int) -> Job:
    records = [source_record(100 * n, v, 0.0) for n, v in enumerate(validations)]
    return job([0], 0, *records, **args)  # type: ignore[arg-type]


def test_the_first_of_equal_records_wins() -> None:
    assert pick("training-domain", make(0.1, 0.7, 0.3, 0.7)) == (0, 100)


def test_of_equal_jobs_the_one_with_the_later_hyper_parameters_wins() -> None:
    jobs = [make(0.7, 0.1, hparams_seed=2), make(0.1, 0.7), make(0.6, hparams_seed=5)]
    assert pick("training-domain", *jobs) == (2, 0)


@pytest.mark.parametrize("validations", [(NAN, 0.2, NAN), (0.2, NAN), (NAN, NAN, 0.2)])
def test_nan_is_never_picked(validations: tuple[float, ...]) -> None:
    assert pick("training-domain", make(*validations)) == (0, 100 * validations.index(0.2))


def test_a_job_of_nothing_but_nan_loses_to_any_other() -> None:
    assert pick("training-domain", make(NAN, NAN)) is None
    assert pick("training-domain", make(NAN, hparams_seed=1), make(0.0)) == (0, 0)


def test_the_target_has_no_say_in_the_training_domain_rule() -> None:
    values = [{"0_in_acc": 0.9, "0_out_acc": 0.9, "1_out_acc": 0.1},
              {"0_in_acc": 0.0, "0_out_acc": 0.0, "1_out_acc": 0.2}]  # fmt: skip
    records = [record(step, value) for step, value in enumerate(values)]
    assert pick("training-domain", job([0], 0, *records)) == (0, 1)


def test_the_oracle_takes_the_last_step_and_chooses_hyper_parameters_by_the_target() -> None:
    def made(hparams_seed: int, last: float) -> Job:
        records = [source_record(0, 0.9, 0.0, 0.99), source_record(5, 0.1, 0.0, last)]
        return job([0], 0, *records, hparams_seed=hparams_seed)  # type: ignore[arg-type]

    assert pick("oracle", made(0, 0.4), made(1, 0.6), made(2, 0.5), made(3, NAN)) == (1, 5)


def pair(env: int, accuracies: Sequence[float], **args: int) -> Job:
    """Return a job with environments 0 and ``env`` held out."""
    records = [
        record(step, {f"{env}_in_acc": value, "0_in_acc": 0.0, f"{3 - env}_out_acc": 0.0})
        for step, value in enumerate(accuracies)
    ]
    return job([0, env], 0, *records, **args)


def single(tests: Sequence[float], **args: int) -> Job:
    records = [
        record(step, {"0_in_acc": value, "1_out_acc": 0.0, "2_out_acc": 0.0})
        for step, value in enumerate(tests)
    ]
    return job([0], 0, *records, **args)


def test_leave_one_out_validates_on_each_source_held_out_in_turn() -> None:
    jobs = [single([0.1, 0.2, 0.3]), pair(1, [0.5, 0.9, 0.2]), pair(2, [0.5, 0.3, 0.7])]
    # Means over the two: 0.5, 0.6, 0.45.
    table = collect(jobs, "leave-one-domain-out", "acc", "acc")
    assert pick("leave-one-domain-out", *jobs) == (0, 1)
    (row,) = table.rows
    assert [trial.value for trial in row.trials["aptos"]] == [0.2]


def test_leave_one_out_needs_every_source_at_the_step_and_the_same_hyper_parameters() -> None:
    jobs = [single([0.1, 0.2, 0.3]), pair(1, [0.5, 0.9, 0.9]), pair(2, [0.5, 0.3])]
    assert pick("leave-one-domain-out", *jobs) == (0, 1)
    assert pick("leave-one-domain-out", *jobs[:2]) is None
    other = pair(2, [0.5, 0.3], hparams_seed=1)
    assert pick("leave-one-domain-out", *jobs[:2], other) is None


def test_jobs_that_hold_out_a_pair_are_in_no_other_table() -> None:
    values = {"0_in_acc": 0.1, "1_in_acc": 0.1, "2_out_acc": 0.5, "3_out_acc": 0.5}
    held_out = record(0, {**values, "0_out_acc": 0.5, "1_out_acc": 0.5})
    jobs = [job([0], 0, held_out), job([0, 1], 0, held_out)]
    (row,) = collect(jobs, "training-domain", "acc", "acc").rows
    assert {name: len(trials) for name, trials in row.trials.items()} == {"aptos": 1}


def test_a_row_with_a_target_missing_has_no_average() -> None:
    assert printed([single([0.1])], "training-domain", "acc", "acc") == ["10.0", "–"]


def test_single_source_jobs_are_rows_of_their_source_validated_on_it_alone() -> None:
    values = [
        {"1_in_acc": 0.1, "2_in_acc": 0.3, "1_out_acc": 0.9, "2_out_acc": 0.9, "0_out_acc": 0.5},
        {"1_in_acc": 0.2, "2_in_acc": 0.4, "1_out_acc": 0.0, "2_out_acc": 0.0, "0_out_acc": 0.6},
    ]
    jobs = [job([1, 2], 0, *(record(step, value) for step, value in enumerate(values)))]
    table = collect(jobs, "training-domain", "acc", "acc")
    assert table.targets == ("eyepacs", "messidor")
    assert [row.key.source for row in table.rows] == ["aptos"]
    assert printed(jobs, "training-domain", "acc", "acc") == ["20.0", "40.0", "30.0"]


def test_other_overrides_or_another_origin_are_another_row() -> None:
    jobs = [
        make(0.5),
        job([0], 1, *make(0.5).records, hparams='{"lr": 1}'),
        job([0], 2, *make(0.5).records, origin="imported"),
    ]
    table = collect(jobs, "training-domain", "acc", "acc")
    assert [len(row.numbers["aptos"].values) for row in table.rows] == [1, 1, 1]
    named = {table.label(row) for row in table.rows if row.key.origin == ""}
    assert all(name.startswith(f"{ALGORITHM} {{") for name in named)
    assert len(named) == 2
    assert [table.label(row) for row in table.rows if row.key.origin] == [ALGORITHM]


def test_blanks_and_order_of_overrides_make_no_other_row() -> None:
    jobs = [
        job([0], 0, *make(0.5).records, hparams='{"lr":1,"a":2}'),
        job([0], 1, *make(0.5).records, hparams='{"a": 2, "lr": 1}'),
    ]
    assert len(collect(jobs, "training-domain", "acc", "acc").rows) == 1


def test_the_file_has_a_line_for_every_number_and_what_each_repetition_gave(
    published: list[Job],
) -> None:
    tables = selection_tables(published)
    lines = list(csv.DictReader(io.StringIO(selection_csv(tables))))
    assert len(tables) == 12  # nine of training domains, three oracles
    assert len(lines) == 12 * 5
    first = lines[0]
    assert (first["rule"], first["metric"], first["test_domain"]) == (
        "training-domain", "f1m", "env0"
    )  # fmt: skip
    values = [float(value) for value in first["values"].split()]
    assert float(first["mean"]) == pytest.approx(np.mean(values))
    assert float(first["se_ddof0"]) == pytest.approx(np.std(values) / math.sqrt(3))
    assert first["steps"] == "4000 3800 3200"
    assert [len(table["numbers"]) for table in selection_json(tables)] == [5] * 12
