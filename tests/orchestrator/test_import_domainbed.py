"""Reading DomainBed sweeps: records, identities, what is refused, what a sweep becomes."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from domainbed_sample import logged, train_args, write_job, write_published
from domainbed_study import STUDY

from orchestrator.domainbed_log import SweepError, names, read_log
from orchestrator.events import CellEvent, EndEvent, Event, ReportEvent, StartEvent
from orchestrator.import_domainbed.cells import arrange
from orchestrator.import_domainbed.identity import legacy_job_md5, sweep_args
from orchestrator.import_domainbed.retelling import retell
from orchestrator.import_domainbed.sweep import Sweep, read_sweep
from search_spaces.registry import load_study
from trainables.data.cards import get_data_card
from trainables.generalisation.records import METRICS

ASKED = train_args([0], 0)
NOW_MS = 1_700_000_000_000


def measured(step: int, validation: float = 0.5, test: float = 0.4) -> dict[str, Any]:
    """Return a record of a set with three environments."""
    values = {f"env{env}_out_{m}": validation for env in range(3) for m in ("acc", "f1m", "f1w")}
    values |= {f"env{env}_in_{m}": test for env in range(3) for m in ("acc", "f1m", "f1w")}
    return {"step": step, "loss": 1.0, **values}


def lines(*records: dict[str, Any]) -> str:
    return "".join(json.dumps(logged(ASKED, **record)) + "\n" for record in records)


def events_of(sweep: Sweep) -> list[Event]:
    return list(retell(sweep, arrange(sweep.jobs, STUDY), STUDY.name, NOW_MS))


@pytest.mark.parametrize(
    ("env", "trial_seed", "expected"),
    [
        (0, 0, "8300a48dd4c73916c40d6a63ef24c48d"),
        (1, 0, "2207d635b59648409d4f0b55fcf62099"),
        (2, 0, "39e52a63112d396b567555d0732a81ca"),
        (3, 0, "d9b6e030a538113280c2d5b200907cf8"),
        (2, 2, "05e84e855d099d57ddce843beba8d128"),
    ],
)
def test_a_job_has_the_name_of_its_released_folder(
    env: int, trial_seed: int, expected: str
) -> None:
    asked = train_args([env], trial_seed)
    assert legacy_job_md5(asked) == expected
    assert legacy_job_md5(sweep_args(logged(asked)["args"])) == expected


def test_steps_are_in_the_name_only_if_they_were_asked_for() -> None:
    asked = {**ASKED, "steps": 100}
    assert legacy_job_md5(sweep_args(logged(asked)["args"])) == legacy_job_md5(asked)
    assert legacy_job_md5(asked) != legacy_job_md5(ASKED)


def test_metrics_and_domains_have_the_names_of_our_own_runs() -> None:
    assert dict(names.METRICS) == dict(METRICS)


def test_every_method_and_domain_of_the_released_code_is_in_the_paper_s_study() -> None:
    assert get_data_card("dr").domains == names.DOMAINS
    factors = [factor for e in load_study(names.STUDY).experiments for factor in e.factors]
    levels = {level for factor in factors if factor.name == "method" for level in factor.levels}
    assert set(names.METHODS.values()) <= levels
    assert len(set(names.METHODS.values())) == len(names.METHODS)


def test_null_and_nan_are_undefined() -> None:
    record = {**measured(0), "loss": None, "env0_in_acc": math.nan, "env1_out_f1m": None}
    (found,) = read_log(lines(record), "log", "job").job.records
    assert math.isnan(found.loss)
    assert math.isnan(found.at(0, "in", "acc"))
    assert math.isnan(found.at(1, "out", "f1m"))
    assert found.at(1, "out", "acc") == 0.5


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda line: line[:40], "is not JSON"),
        (lambda _: "[1]", "is not a JSON object"),
        (lambda _: "", "is not JSON"),
        (lambda line: line.replace('"step": 200', '"step": "200"'), "'step' is \"200\""),
        (lambda line: line.replace('"step": 200', '"stop": 200'), "'step' is missing"),
        (lambda line: line.replace('"test_envs": [0]', '"test_envs": [0, 0]'), "'args.test_envs'"),
        (lambda line: line.replace('"test_envs": [0]', '"test_envs": [7]'), "'env7_in_acc'"),
        (lambda line: line.replace('"trial_seed": 0', '"trial_seed": 1'), "differ from line 1"),
        (lambda line: line.replace('"env0_in_acc": 0.4', '"env0_in_acc": "x"'), "not a number"),
        (lambda line: line.replace('"lr": 5e-06', '"lr": 1'), "differ from line 1"),
    ],
)  # fmt: skip
def test_a_broken_line_is_named(change: Callable[[str], str], complaint: str) -> None:
    first, second = lines(measured(0), measured(200)).splitlines()
    changed = change(second)
    assert changed != second
    with pytest.raises(SweepError, match=r"^sweep/results\.jsonl, line 2: ") as caught:
        read_log(f"{first}\n{changed}\n", "sweep/results.jsonl", "job")
    assert complaint in str(caught.value)


def test_overrides_that_are_not_json_are_named() -> None:
    record = logged(train_args([0], 0, hparams="lr=1"), **measured(0))
    with pytest.raises(SweepError, match=r"line 1: 'args\.hparams' is \"lr=1\", not JSON"):
        read_log(json.dumps(record), "log", "job")


@pytest.mark.parametrize("absent", [None, ""])
def test_no_overrides_are_none(absent: str | None) -> None:
    record = logged(train_args([0], 0, hparams=absent), **measured(0))
    setting = read_log(json.dumps(record), "log", "job").job.setting
    assert json.loads(setting)["hparams"] == {}


def test_a_job_launched_again_counts_from_its_last_launch() -> None:
    text = lines(measured(0, 0.9), measured(200, 0.9), measured(0, 0.1), measured(200, 0.2))
    log = read_log(text, "log", "job")
    assert log.left_out == 2
    assert [(r.step, r.at(1, "out", "acc")) for r in log.job.records] == [(0, 0.1), (200, 0.2)]


def test_finished_jobs_are_read_and_the_others_listed(tmp_path: Path) -> None:
    write_job(tmp_path, ASKED, [measured(0)])
    open_job = write_job(tmp_path, train_args([1], 0), [measured(0), measured(200)], done=False)
    queued = tmp_path / ("0" * 32)
    queued.mkdir()
    (tmp_path / "results.txt").write_text("a table")
    sweep = read_sweep(tmp_path, include_unfinished=False)
    assert [logged.job.test_envs for logged in sweep.jobs] == [(0,)]
    assert sweep.unfinished == (
        f"{queued.name}: no results.jsonl",
        f"{open_job.name}: 2 records, no 'done'",
    )
    every = read_sweep(tmp_path, include_unfinished=True)
    assert {logged.job.test_envs: logged.done for logged in every.jobs} == {
        (0,): True,
        (1,): False,
    }
    assert every.notes == (f"{open_job.name}: unfinished, last record at step 200",)
    assert every.digest != sweep.digest


def test_a_torn_line_of_an_unfinished_job_does_not_stop_the_others(tmp_path: Path) -> None:
    write_job(tmp_path, ASKED, [measured(0)])
    torn = write_job(tmp_path, train_args([1], 0), [measured(0)], done=False) / "results.jsonl"
    torn.write_text(torn.read_text()[:100])
    assert len(read_sweep(tmp_path, include_unfinished=False).jobs) == 1
    with pytest.raises(SweepError, match=r"results\.jsonl, line 1: is not JSON"):
        read_sweep(tmp_path, include_unfinished=True)


def test_what_is_no_sweep_is_refused_with_what_to_name(tmp_path: Path) -> None:
    with pytest.raises(SweepError, match="is not a folder"):
        read_sweep(tmp_path / "absent", include_unfinished=False)
    with pytest.raises(SweepError, match="name the output folder of a sweep"):
        read_sweep(tmp_path, include_unfinished=False)
    job = write_job(tmp_path, ASKED, [measured(0)], done=False)
    with pytest.raises(SweepError, match="name the folder it is in"):
        read_sweep(job, include_unfinished=False)
    with pytest.raises(SweepError, match="none of 1 jobs has a file 'done'"):
        read_sweep(tmp_path, include_unfinished=False)


def test_two_folders_of_one_job_are_refused(tmp_path: Path) -> None:
    folder = write_job(tmp_path, ASKED, [measured(0)])
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in ("results.jsonl", "done"):
        (copy / file).write_bytes((folder / file).read_bytes())
    with pytest.raises(SweepError, match=f"folders {folder.name} and copy hold the same job"):
        read_sweep(tmp_path, include_unfinished=False)


def test_a_folder_with_the_name_of_another_job_is_pointed_out(tmp_path: Path) -> None:
    folder = write_job(tmp_path, ASKED, [measured(0)])
    folder.rename(tmp_path / ("f" * 32))
    (note,) = read_sweep(tmp_path, include_unfinished=False).notes
    assert "has not the name that a sweep gives this job" in note


def test_the_digest_is_of_the_logs_not_of_their_place(tmp_path: Path) -> None:
    sweeps = [read_sweep(write_published(tmp_path / name), False) for name in ("a", "b")]
    assert sweeps[0].digest == sweeps[1].digest
    file = next((tmp_path / "b").iterdir()) / "results.jsonl"
    file.write_text(file.read_text().replace('"step_time": 1.2', '"step_time": 1.3'))
    assert read_sweep(tmp_path / "b", False).digest != sweeps[0].digest


def test_jobs_of_one_setting_and_target_are_one_cell_in_its_place(tmp_path: Path) -> None:
    sweep = read_sweep(write_published(tmp_path), include_unfinished=False)
    cells = arrange(sweep.jobs, STUDY)
    assert sorted(cell.name for cell in cells) == [
        f"table1/method=coop_lvt/test_domain={domain}" for domain in names.DOMAINS
    ]
    assert [[logged.job.trial_seed for logged in cell.jobs] for cell in cells] == [[0, 1, 2]] * 4


def test_a_single_source_job_has_a_place_for_every_target(tmp_path: Path) -> None:
    record = {**measured(0), **{f"env3_{p}_{m}": 0.1 for p in ("in", "out") for m in METRICS}}
    write_job(tmp_path, train_args([0, 1, 3], 0), [record])
    (cell,) = arrange(read_sweep(tmp_path, False).jobs, STUDY)
    assert [(place.levels["test_domain"], place.metric) for place in cell.places] == [
        (domain, f"test/{domain}/macro_f1_fixed") for domain in ("aptos", "eyepacs", "messidor_2")
    ]
    assert {place.levels["train_domain"] for place in cell.places} == {"messidor"}
    sweep = read_sweep(tmp_path, False)
    (end,) = [event for event in events_of(sweep) if isinstance(event, EndEvent)]
    assert end.metrics["test/messidor_2/macro_f1_fixed"] == 0.1
    assert end.metrics["test/macro_f1_fixed"] == pytest.approx((0.4 + 0.4 + 0.1) / 3)


def test_what_the_study_has_no_place_for_keeps_the_name_of_its_class(tmp_path: Path) -> None:
    write_job(tmp_path, train_args([0], 0, algorithm="IRM"), [measured(0)])
    write_job(tmp_path, train_args([0, 1], 0), [{**measured(0), "env3_out_acc": 0.5}])
    cells = arrange(read_sweep(tmp_path, False).jobs, STUDY)
    assert [cell.places for cell in cells] == [(), ()]
    assert {cell.name for cell in cells} == {
        "domainbed/method=IRM/test_domains=aptos",
        "domainbed/method=coop_lvt/test_domains=aptos,eyepacs",
    }


def test_of_several_draws_of_hyper_parameters_validation_chooses(tmp_path: Path) -> None:
    for hparams_seed, validation in enumerate([0.3, 0.7, 0.5]):
        asked = train_args([0], 0, hparams_seed=hparams_seed)
        write_job(tmp_path, asked, [measured(0, validation, test=validation / 2)])
    events = events_of(read_sweep(tmp_path, include_unfinished=False))
    phase = {e.trial: (e.phase, e.config["args.hparams_seed"]) for e in events
             if isinstance(e, StartEvent)}  # fmt: skip
    ends = {phase[e.trial]: e.metrics for e in events if isinstance(e, EndEvent)}
    assert set(ends) == {("search", 0), ("replicate", 1), ("search", 2)}
    assert ends["replicate", 1]["test/macro_f1_fixed"] == 0.35
    assert not [name for name in ends["search", 0] if name.startswith("test/")]


def test_reports_hold_no_test_metric_and_times_follow_the_steps(tmp_path: Path) -> None:
    folder = write_job(tmp_path, ASKED, [measured(0), measured(200), measured(300)])
    events = events_of(read_sweep(tmp_path, include_unfinished=False))
    reports = [event for event in events if isinstance(event, ReportEvent)]
    assert [report.step for report in reports] == [1, 2, 3]
    assert [report.metrics["domainbed_step"] for report in reports] == [0, 200, 300]
    assert not [name for r in reports for name in r.metrics if name.startswith("test/")]
    # 1.2 s a step, back from when the file was last written.
    written = (folder / "results.jsonl").stat().st_mtime_ns // 1_000_000
    starts = [event.t for event in events if isinstance(event, StartEvent)]
    assert [written - t for t in (*starts, *(r.t for r in reports))] == [
        361_200,
        360_000,
        120_000,
        0,
    ]


def test_a_job_without_any_number_to_validate_by_has_failed(tmp_path: Path) -> None:
    write_job(tmp_path, ASKED, [measured(0, math.nan), measured(200, math.nan)])
    events = events_of(read_sweep(tmp_path, include_unfinished=False))
    (end,) = [event for event in events if isinstance(event, EndEvent)]
    assert (end.state, end.failure, end.value) == ("failed", "nan", None)
    assert events[-1].state == "failed"  # type: ignore[union-attr]


def test_cells_know_what_was_asked_and_on_what_it_ran(tmp_path: Path) -> None:
    events = events_of(read_sweep(write_published(tmp_path), include_unfinished=False))
    session = events[0]
    assert session.provenance["package.torch"] == "1.9.0"  # type: ignore[union-attr]
    assert session.provenance["import.jobs"] == "12"  # type: ignore[union-attr]
    cells = [event for event in events if isinstance(event, CellEvent)]
    assert {cell.recipe for cell in cells} == {"imported"}
    assert json.loads(cells[0].config["setting"])["hparams"]["lr"] == 5e-6
    starts = [event for event in events if isinstance(event, StartEvent)]
    assert {(e.config["args.data_dir"], e.config["hparams.batch_size"]) for e in starts} == {
        ("/nfs/users/ext_group8/Dataset/224_data/", 32)
    }
    assert 1188160076 in {event.seed for event in starts}
