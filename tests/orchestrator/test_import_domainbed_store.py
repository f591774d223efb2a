"""An imported sweep in the tracking store and in the report: once, beside our own, as it was."""

from __future__ import annotations

import csv
import json
import os
import sqlite3
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from domainbed_sample import logged, train_args, write_job, write_published
from domainbed_study import DOMAINS, METRIC, STUDY
from fake_events import cell, new_store, place, replicates, session, write

from orchestrator.cli import main
from orchestrator.domainbed_log import SweepError
from orchestrator.domainbed_log.names import DOMAINS as NAMED
from orchestrator.domainbed_log.names import METRICS
from orchestrator.events import EndEvent, Event
from orchestrator.import_domainbed import ImportedSweep, import_sweep
from orchestrator.report import Findings, build_report, load_study_results, to_json
from orchestrator.report.results import StudyResults
from orchestrator.report.tables import build_tables
from orchestrator.tracking.delivery import Delivery
from orchestrator.tracking.shipper import Shipper
from search_spaces import registry
from trainables.errors import TrackingError

PRINTED = {"aptos": 0.31864, "eyepacs": 0.32216, "messidor": 0.46220, "messidor_2": 0.51650}


@dataclass(frozen=True)
class Sample:
    """An imported copy of the published sweep."""

    folder: Path
    uri: str
    imported: ImportedSweep

    @property
    def sweep(self) -> Path:
        return self.folder / "sweep"

    def again(self, storage: str = "storage", **options: Any) -> ImportedSweep:
        return import_sweep(
            self.sweep, STUDY, self.folder / storage / STUDY.name, self.uri, **options
        )


def rows(uri: str) -> list[tuple[Any, ...]]:
    """Return everything the store holds of runs."""
    with sqlite3.connect(uri.removeprefix("sqlite:///")) as connection:
        tables = ("metrics", "params", "tags", "latest_metrics")
        found = [sorted(connection.execute(f"select * from {t}").fetchall()) for t in tables]
    return [row for table in found for row in table]


def make(folder: Path) -> Sample:
    uri = new_store(folder)
    write_published(folder / "sweep")
    imported = import_sweep(folder / "sweep", STUDY, folder / "storage" / STUDY.name, uri)
    return Sample(folder=folder, uri=uri, imported=imported)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """The published sweep, imported once; tests that add to its store make their own."""
    return make(tmp_path_factory.mktemp("published"))


@pytest.fixture(scope="module")
def results(sample: Sample) -> StudyResults:
    return load_study_results(sample.uri, STUDY.name)


def small_sweep(folder: Path, *trial_seeds: int, env: int = 0) -> Path:
    """Write jobs of one record each, of which the macro F1 is a tenth of the trial seed."""
    for trial_seed in trial_seeds:
        keys = [f"env{i}_{p}_{m}" for i in range(4) for p in ("in", "out") for m in METRICS]
        values = dict.fromkeys(keys, trial_seed / 10)
        write_job(folder, train_args([env], trial_seed), [{"step": 0, "loss": 1.0, **values}])
    return folder


def deliver(folder: Path, uri: str, story: list[Event]) -> None:
    """Ship what a study of our own did."""
    shipper = Shipper(
        ledger_path=write(folder / STUDY.name / "ledger.jsonl", story),
        tracking_uri=uri,
        study=STUDY.name,
        state_path=folder / "state.json",
    )
    while shipper.ship():
        pass


def test_the_published_table_is_read_back_from_the_store(results: StudyResults) -> None:
    table = next(t for t in build_tables(results, STUDY) if t.name == "table1")
    numbers = {e.levels["test_domain"]: e.imported for e in table.entries if e.imported}
    assert {name: round(s.mean, 5) for name, (s,) in numbers.items()} == PRINTED
    assert [s.n for (s,) in numbers.values()] == [3] * 4


def test_importing_again_changes_nothing(sample: Sample) -> None:
    before = rows(sample.uri)
    ledger = next((sample.folder / "storage").rglob("ledger.jsonl"))
    text = ledger.read_text()
    assert sample.imported.new
    assert not sample.again().new
    assert rows(sample.uri) == before
    assert ledger.read_text() == text


def test_importing_the_same_logs_from_elsewhere_changes_nothing(sample: Sample) -> None:
    before = rows(sample.uri)
    for file in sample.sweep.rglob("results.jsonl"):
        file.touch()  # a copy has other times
    assert not sample.again("another").new
    assert rows(sample.uri) == before
    assert not list((sample.folder / "another").rglob("ledger.jsonl"))


def test_an_import_that_was_cut_short_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri, sweep = new_store(tmp_path), small_sweep(tmp_path / "sweep", 1, 2)

    def fail(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Delivery, "_end_cell", fail)
        with pytest.raises(KeyboardInterrupt):
            import_sweep(sweep, STUDY, tmp_path / "coop_lvt", uri)
    assert import_sweep(sweep, STUDY, tmp_path / "coop_lvt", uri).new
    results = load_study_results(uri, STUDY.name)
    (found,) = results.imported
    assert found.values(METRIC) == [0.1, 0.2]
    with sqlite3.connect(tmp_path / "mlflow.db") as connection:
        assert connection.execute("select count(*) from runs").fetchone() == (3,)


def test_a_sweep_that_has_grown_takes_the_place_of_what_it_was(tmp_path: Path) -> None:
    uri, sweep = new_store(tmp_path), small_sweep(tmp_path / "sweep", 1, 2)
    import_sweep(sweep, STUDY, tmp_path / "coop_lvt", uri)
    small_sweep(sweep, 3)
    for file in sweep.rglob("results.jsonl"):
        os.utime(file, (1_600_000_000, 1_600_000_000))  # times in logs decide nothing
    assert import_sweep(sweep, STUDY, tmp_path / "coop_lvt", uri).new
    (found,) = load_study_results(uri, STUDY.name).imported
    assert found.values(METRIC) == [0.1, 0.2, 0.3]


@pytest.mark.parametrize(
    ("break_it", "complaint"),
    [
        (lambda file: file.write_text(file.read_text()[:-20]), "jsonl, line 1: is not JSON"),
        (lambda file: file.write_text(file.read_text().replace('"DR"', '"PACS"')), "'PACS'"),
    ],
)
def test_what_is_refused_leaves_no_trace(
    tmp_path: Path, break_it: Callable[[Path], Any], complaint: str
) -> None:
    uri, sweep = new_store(tmp_path), small_sweep(tmp_path / "sweep", 1, 2)
    break_it(max(sweep.rglob("results.jsonl")))
    before = rows(uri)
    with pytest.raises(SweepError, match=complaint):
        import_sweep(sweep, STUDY, tmp_path / "coop_lvt", uri)
    assert rows(uri) == before
    assert not (tmp_path / "coop_lvt").exists()


def test_a_store_that_is_down_is_named_and_nothing_is_lost(tmp_path: Path) -> None:
    sweep, folder = small_sweep(tmp_path / "sweep", 1, 2), tmp_path / "coop_lvt"
    with pytest.raises(TrackingError, match=r"http://127\.0\.0\.1:9 cannot be reached.*again"):
        import_sweep(sweep, STUDY, folder, "http://127.0.0.1:9")
    assert import_sweep(sweep, STUDY, folder, new_store(tmp_path)).new


def test_our_own_number_of_a_place_stays_ours(tmp_path: Path) -> None:
    uri, sweep = new_store(tmp_path), small_sweep(tmp_path / "sweep", 1, 2)
    own = place("table1", {"method": "coop_lvt", "test_domain": "aptos"}) | {"metric": METRIC}
    story: list[Event] = [session(STUDY.name), cell("own", [own], data_kind="real")]
    for event in replicates("own", [0.5, 0.6], t=1_700_000_000_100):
        if isinstance(event, EndEvent):
            event.metrics[METRIC] = event.metrics["test/accuracy"]
        story.append(event)
    deliver(tmp_path, uri, story)
    import_sweep(sweep, STUDY, tmp_path / STUDY.name, uri)
    results = load_study_results(uri, STUDY.name)
    assert [c.cell for c in results.cells] == ["own"]
    assert results.superseded == 0
    (table,) = build_tables(results, STUDY)
    (entry,) = [e for e in table.entries if e.statistic is not None]
    assert entry.statistic is not None
    assert (entry.statistic.mean, entry.statistic.n) == (pytest.approx(0.55), 2)
    (imported,) = entry.imported
    assert (imported.mean, imported.n) == (pytest.approx(0.15), 2)


def test_unfinished_jobs_are_imported_when_asked_and_named(tmp_path: Path) -> None:
    uri, sweep = new_store(tmp_path), small_sweep(tmp_path / "sweep", 1, 2)
    (max(sweep.rglob("done"))).unlink()
    arguments = (sweep, STUDY, tmp_path / "coop_lvt", uri)
    assert len(import_sweep(*arguments).sweep.unfinished) == 1
    import_sweep(*arguments, include_unfinished=True)
    (found,) = load_study_results(uri, STUDY.name).imported
    assert len(found.values(METRIC)) == 2
    assert found.provenance["import.unfinished"] == max(sweep.iterdir()).name


def test_the_runs_carry_what_the_logs_say(sample: Sample, results: StudyResults) -> None:
    (found,) = [c for c in results.imported if c.name.endswith("test_domain=aptos")]
    assert found.provenance["import.digest"] == sample.imported.sweep.digest
    assert found.provenance["package.torch"] == "1.9.0"
    first = found.replicates[0]
    assert (first.seed, first.config["hparams.lr"]) == (1188160076, 5e-6)
    assert first.config["args.algorithm"] == "Clip_train_prompt_from_image_v2"
    assert first.metrics["selected_step"] == 4000
    assert len(first.curve.values) == 26
    assert max(first.curve.values) == first.value


def test_the_report_shows_imported_numbers_and_model_selection(
    results: StudyResults, tmp_path: Path
) -> None:
    files = build_report(Findings(results=results, study=STUDY), tmp_path)
    assert {"report.html", "model_selection.csv"} <= {file.name for file in files}
    page = (tmp_path / "report.html").read_text()
    assert "imported 0.319 ± 0.055 (sd, n=3)" in page
    assert "read from the logs of another program" in page
    assert '<span class="mean">31.9</span>' in page
    assert '<span class="spread">± 2.6 (se with ddof 0, n=3)</span>' in page
    assert "CoOpLVT <span" in page
    assert "1.9.0" in page
    assert "Not results about medicine" not in page
    latex = (tmp_path / "tables" / "table1.tex").read_text()
    assert r"imported 0.319 $\pm$ 0.055 (sd, n=3)" in latex
    with (tmp_path / "model_selection.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert [line["printed"] for line in lines[:5]] == [
        "31.9 +/- 2.6", "32.2 +/- 0.3", "46.2 +/- 0.7", "51.6 +/- 0.3", "40.5 +/- 0.5"
    ]  # fmt: skip
    with (tmp_path / "results.csv").open() as file:
        states = [line["state"] for line in csv.DictReader(file)]
    assert states.count("imported") == 4
    assert states.count("not run") == 8


def test_the_json_of_the_report_has_both(results: StudyResults) -> None:
    body = json.loads(json.dumps(to_json(Findings(results=results, study=STUDY)), allow_nan=False))
    entries = body["tables"][0]["entries"]
    means = [round(s["mean"], 5) for e in entries for s in e["imported"]]
    assert means == list(PRINTED.values())
    assert body["model_selection"][0]["numbers"][0]["printed"] == "31.9 +/- 2.6"


def test_logs_of_our_own_runs_are_in_the_same_tables(tmp_path: Path) -> None:
    """A replicate of `generalise` leaves the log that DomainBed would; it counts in each table."""
    uri = new_store(tmp_path)
    own = place("table1", {"method": "coop_lvt", "test_domain": "aptos"}) | {"metric": METRIC}
    gone = place("gone", {"place": "end", "test_domain": "aptos"}) | {"metric": METRIC}
    opened = cell("own", [own, gone])
    story: list[Event] = [
        session(STUDY.name),
        type(opened)(**{**vars(opened), "trainable": "generalise"}),
    ]
    for event in replicates("own", [0.5, 0.6], t=1_700_000_000_100):
        if isinstance(event, EndEvent):
            event = type(event)(**{**vars(event), "artifacts": f"trials/{event.trial}"})
            log = tmp_path / STUDY.name / "trials" / event.trial / "results.jsonl"
            log.parent.mkdir(parents=True)
            seed = int(event.trial[-1])
            values = {f"env{i}_out_f1m": 0.5 for i in range(1, 4)} | {"env0_in_acc": 0.5}
            asked = train_args([0], seed, algorithm="erm", dataset="none", hparams=None)
            record = logged(asked, step=0, loss=None, env0_in_f1m=0.2 + seed / 10, **values)
            log.write_text(json.dumps(record) + "\n")
        story.append(event)
    deliver(tmp_path, uri, story)
    import_sweep(small_sweep(tmp_path / "sweep", 1, 2), STUDY, tmp_path / STUDY.name / "x", uri)
    found = Findings(results=load_study_results(uri, STUDY.name), study=STUDY)
    selection = to_json(found)["model_selection"]
    lines = [line for line in selection[0]["numbers"] if line["test_domain"] != "average"]
    assert [(line["method"], line["origin"], line["printed"]) for line in lines] == [
        ("CoOpLVT", "imported", "15.0 +/- 3.5"),
        ("CoOpLVT", "synthetic random", "25.0 +/- 3.5"),
        ("end", "synthetic random", "25.0 +/- 3.5"),
    ]


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str


@pytest.fixture
def xenograft(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Said]:
    """Run the command line in this process, with the tests' study in place of the paper's."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(registry.STUDIES, STUDY.name, "domainbed_study")
    new_store(tmp_path)

    def command(*arguments: str) -> Said:
        uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
        monkeypatch.setattr(sys, "argv", ["xenograft", *arguments, "--tracking-uri", uri])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
        captured = capsys.readouterr()
        return Said(code=code, out=captured.out, err=captured.err)

    return command


def test_the_command_prints_the_tables_and_what_comes_next(
    xenograft: Callable[..., Said], tmp_path: Path
) -> None:
    small_sweep(tmp_path / "sweep", 1, 2, 3)
    first = xenograft("import", "domainbed", "sweep")
    assert first.code == 0, first
    assert "20.0 +/- 4.7" in first.out
    assert "imported 3 jobs in 1 cells" in first.out
    assert "next: xenograft report coop_lvt --tracking-uri" in first.out
    second = xenograft("import", "domainbed", "sweep", "--json")
    body = json.loads(second.out)
    assert (body["new"], len(body["jobs"])) == (False, 3)
    shown = xenograft("report", "coop_lvt")
    assert "imported 0.200 ± 0.100 (sd, n=3)" in shown.out, shown


def test_the_command_names_a_broken_line_and_what_it_left_out(
    xenograft: Callable[..., Said], tmp_path: Path
) -> None:
    sweep = small_sweep(tmp_path / "sweep", 1, 2)
    first, second = sorted(sweep.iterdir())
    (second / "done").unlink()
    assert f"left out, unfinished: {second.name}: 1 records, no 'done'" in xenograft(
        "import", "domainbed", "sweep"
    ).err.replace("\n", "")
    (first / "results.jsonl").write_text("{\n")
    said = xenograft("import", "domainbed", "sweep")
    assert said.code == 2
    assert f"sweep/{first.name}/results.jsonl, line 1: is not JSON" in said.err.replace("\n", "")


def test_the_study_of_these_tests_has_the_domains_of_the_logs() -> None:
    assert NAMED == DOMAINS
