"""From events through the tracking store to tables, figures and the page."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from fake_events import new_store
from report_sample import ACCURACIES, delivered, study
from rich.console import Console
from scipy import stats

from orchestrator.report import Findings, build_report, load_study_results, print_tables, to_json
from orchestrator.report.cell_figures import cell_figures, learning_curves, search_history
from orchestrator.report.cell_files import cells_csv, metrics_csv
from orchestrator.report.csv_file import results_csv
from orchestrator.report.experiment_table import build_table
from orchestrator.report.figure_format import svg
from orchestrator.report.html import rerun_command
from orchestrator.report.latex import escape, table_latex
from orchestrator.report.number import (
    duration_text,
    setting_text,
)
from orchestrator.report.results import CellResult, StudyResults
from orchestrator.report.statistics import Statistic
from orchestrator.report.table import Entry, Table
from orchestrator.report.tables import build_tables
from orchestrator.report.terminal import _rich_table
from trainables.errors import StorageError, TrackingError


@pytest.fixture(scope="module")
def results() -> StudyResults:
    return load_study_results(delivered(), "grafts")


@pytest.fixture(scope="module")
def page(results: StudyResults, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("report")
    paths = build_report(Findings(results=results, study=study()), folder)
    return paths[0].read_text()


def cell_at(results: StudyResults, weights: str, method: str) -> CellResult:
    found = results.at("transfer", {"weights": weights, "method": method})
    assert found is not None
    return found


def entries(results: StudyResults) -> dict[tuple[str, ...], Entry]:
    table = build_table(results, study().experiment("transfer"))
    return {tuple(entry.levels.values()): entry for entry in table.entries}


# Reading back


def test_replicates_come_back_with_seeds_and_metrics(results: StudyResults) -> None:
    cell = cell_at(results, "imagenet", "linear")
    assert cell.values("test/accuracy") == ACCURACIES["imagenet", "linear"]
    assert [r.seed for r in cell.replicates] == [1000, 1001, 1002, 1003]


def test_search_trials_come_back_with_curve_state_and_params(results: StudyResults) -> None:
    cell = cell_at(results, "imagenet", "knn")
    states = [(t.index, t.state, t.params["optimizer.lr"]) for t in cell.search]
    assert states == [
        (0, "complete", 0.01), (1, "pruned", 0.1), (2, "complete", 1.0), (3, "failed", 0.1)
    ]  # fmt: skip
    assert cell.search[1].curve.steps == (1, 2)
    expected = tuple(1 - 0.5 * math.exp(-s * 0.1) for s in (1, 2))
    assert cell.search[1].curve.values == pytest.approx(expected)
    assert cell.chosen == {"optimizer.lr": 0.1}


def test_what_run_returned_is_no_point_of_the_curve(results: StudyResults) -> None:
    replicate = cell_at(results, "imagenet", "knn").replicates[0]
    assert replicate.curve.steps == (1, 2, 3)
    assert replicate.metrics["test/accuracy"] == 0.7


def test_the_newest_cell_of_a_place_counts_and_the_other_is_counted(results: StudyResults) -> None:
    assert cell_at(results, "imagenet", "knn").cell == "knn"
    assert results.superseded == 1


def test_one_cell_stands_in_every_table_it_has_a_place_in(results: StudyResults) -> None:
    shared = results.at("ablation", {"size": "small"})
    assert shared is cell_at(results, "imagenet", "knn")


def test_failures_are_counted_by_kind(results: StudyResults) -> None:
    assert dict(results.failures()) == {"nan": 1}


def test_a_study_never_run_says_how_to_run_it(tmp_path: Path) -> None:
    with pytest.raises(TrackingError, match="xenograft run other"):
        load_study_results(new_store(tmp_path), "other")
    with pytest.raises(TrackingError, match="xenograft run grafts"):
        load_study_results(f"sqlite:///{tmp_path / 'none.db'}", "grafts")
    assert not (tmp_path / "none.db").exists()


# Tables


def test_a_table_has_the_papers_rows_and_columns(results: StudyResults) -> None:
    table = build_table(results, study().experiment("transfer"))
    assert table.columns == (("knn",), ("linear",), ("tuned",))
    assert [titles for titles, _ in table.rows] == [("ImageNet <b>&",), ("random",)]


def test_entries_say_what_became_of_them(results: StudyResults) -> None:
    found = entries(results)
    assert {levels: entry.status for levels, entry in found.items()} == {
        ("imagenet", "knn"): "number",
        ("imagenet", "linear"): "number",
        ("imagenet", "tuned"): "failed",
        ("random", "knn"): "number",
        ("random", "linear"): "unfinished",
    }
    assert found["imagenet", "tuned"].note == "failed: no trial"
    assert found["random", "linear"].note == "unfinished: 1 search trials, 0 replicates so far"


def test_numbers_carry_the_labels_of_what_they_stand_on(results: StudyResults) -> None:
    found = entries(results)
    assert found["imagenet", "linear"].labels == ()
    assert found["imagenet", "knn"].labels == ("random",)
    assert found["random", "knn"].labels == ("synthetic", "twin")
    assert found["random", "linear"].labels == ()


def test_only_comparable_numbers_are_held_against_the_paper(results: StudyResults) -> None:
    (table, _) = build_tables(results, study())
    verdicts = {tuple(e.levels.values()): e.verdict for e in table.entries if e.verdict is not None}
    assert {levels: verdict.word for levels, verdict in verdicts.items()} == {
        ("imagenet", "knn"): "reproduced",
        ("imagenet", "linear"): "lower",
    }


def test_columns_are_nested_in_the_order_the_experiment_names_them(results: StudyResults) -> None:

    flipped = dataclasses.replace(study().experiment("transfer"), columns=("method", "weights"))
    table = build_table(results, flipped)
    assert table.columns[:2] == (("knn", "ImageNet <b>&"), ("knn", "random"))
    first = table.rows[0][1][0]
    assert first is not None
    assert first.cell is cell_at(results, "imagenet", "knn")


# Renderers


def test_rows_that_were_not_run_are_counted_and_not_shown(results: StudyResults, page: str) -> None:
    ablation = next(t for t in build_tables(results, study()) if t.name == "ablation")
    shown, idle = ablation.begun()
    assert [titles for titles, _ in shown.rows] == [("small",)]
    assert idle == 1
    console = Console(file=io.StringIO(), width=200)
    print_tables(Findings(results=results, study=study()), console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "1 row not run yet" in text
    assert "large" not in text
    assert "1 row not run yet" in page
    assert len(ablation.rows) == 2, "files hold every row"


def _read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_csv_has_a_line_per_place_with_mean_spread_and_verdict(results: StudyResults) -> None:
    lines = _read(results_csv(build_tables(results, study())))
    assert len(lines) == len({line["place"] for line in lines}) == 7
    place = "transfer/weights=imagenet/method=linear"
    (line,) = [x for x in lines if x["place"] == place]
    values = ACCURACIES["imagenet", "linear"]
    assert float(line["mean"]) == pytest.approx(np.mean(values))
    assert float(line["sd"]) == pytest.approx(np.std(values, ddof=1))
    assert (line["metric"], line["n"], line["cells"]) == ("test/accuracy", "4", "lin")
    assert (line["published_value"], line["verdict"]) == ("0.9", "lower")
    welch = stats.ttest_ind_from_stats(0.825, np.std(values, ddof=1), 4, 0.9, 0.01, 5, False)
    assert float(line["verdict_p"]) == pytest.approx(welch.pvalue)
    assert float(line["verdict_p_holm"]) == pytest.approx(2 * welch.pvalue)
    assert line["verdict_kind"] == "Welch's t, n=4 against n=5"
    (unfinished,) = [x for x in lines if x["state"] == "unfinished"]
    assert (unfinished["mean"], unfinished["published_value"]) == ("", "0.4")
    (twin,) = [x for x in lines if x["cells"] == "rnd"]
    assert (twin["labels"], float(twin["mean"])) == ("synthetic twin", 0.55)


def test_what_a_number_stands_on_is_in_the_file_of_cells(results: StudyResults) -> None:
    lines = {line["cell"]: line for line in _read(cells_csv(results))}
    assert lines.keys() == {"knn", "lin", "rnd", "open", "dead"}, "one line each, newest only"
    line = lines["lin"]
    assert line["name"] == "transfer/imagenet/linear"
    assert (line["seeds"], line["data_digests"]) == ("1000 1001 1002 1003", "d" * 64)
    assert (line["data_kinds"], line["weights_kinds"]) == ("real", "real")
    knn = lines["knn"]
    assert (knn["search_trials"], knn["failed_trials"], knn["retries"]) == ("4", "1", "0")
    assert json.loads(knn["chosen"]) == {"optimizer.lr": 0.1}
    assert (lines["dead"]["state"], lines["dead"]["reason"]) == ("failed", "no trial")
    assert {line["provenance.code"] for line in lines.values()} == {"abc1234"}


def test_every_metric_of_a_cell_is_in_the_file_of_metrics(results: StudyResults) -> None:
    lines = _read(metrics_csv(results))
    found = {(line["cell"], line["metric"]): line for line in lines}
    assert len(found) == len(lines), "a cell with two places is there once"
    values = ACCURACIES["imagenet", "linear"]
    other = found["lin", "test/auc"]
    assert (other["name"], other["n"]) == ("transfer/imagenet/linear", "4")
    assert float(other["mean"]) == pytest.approx(np.mean(values) / 2)
    assert float(other["sd"]) == pytest.approx(np.std(values, ddof=1) / 2)
    assert {cell for cell, _ in found} == {"knn", "lin", "rnd"}


def test_latex_rows_have_as_many_columns_as_the_table(results: StudyResults) -> None:
    text = table_latex(build_tables(results, study())[0])
    rows = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert {len(re.split(r"(?<!\\)&", row)) for row in rows} == {4}
    assert r"0.800 $\pm$ 0.100 (sd, n=3) random" in text
    assert r"$\approx$ reproduced & $\downarrow$ lower" in text
    assert r"what transfers \& \textless{}why\textgreater{} 100\%" in text


def test_latex_escapes_what_would_be_commands() -> None:
    assert escape(r"a_b \input{x} 5%") == r"a\_b \textbackslash{}input\{x\} 5\%"


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex")
def test_latex_compiles(results: StudyResults, tmp_path: Path) -> None:
    tables = "".join(table_latex(table) for table in build_tables(results, study()))
    head = r"\documentclass{article}\usepackage{booktabs}\begin{document}"
    (tmp_path / "t.tex").write_text(head + tables + r"\end{document}")
    command = ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "t.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]


def test_json_holds_the_numbers_and_nothing_json_lacks(results: StudyResults) -> None:
    findings = Findings(results=results, study=study())
    body = json.loads(json.dumps(to_json(findings), allow_nan=False))
    transfer = body["tables"][0]["entries"]
    (entry,) = [e for e in transfer if e["levels"] == {"weights": "random", "method": "knn"}]
    assert entry["statistic"]["mean"] == 0.55
    assert entry["labels"] == ["synthetic", "twin"]
    words = {e["verdict"]["word"] for e in transfer if e["verdict"] is not None}
    assert words == {"reproduced", "lower"}


def test_the_terminal_shows_numbers_labels_and_the_paper() -> None:
    console = Console(width=160, record=True, file=io.StringIO())
    results = load_study_results(delivered(), study().name)
    print_tables(Findings(results=results, study=study()), console)
    text = console.export_text()
    assert "0.800 ± 0.100 (sd, n=3)" in text
    assert "random" in text
    assert "paper 0.400 ± 0.020 (se, n not given)" in text
    assert "synthetic: made on generated pictures" in text
    assert "↓ lower" in text
    assert "against the paper: 1 reproduced, 1 lower (Holm over 2)" in text
    assert "ImageNet <b>&" in text


@pytest.mark.parametrize(("hours", "text"), [(0.01, "36 s"), (0.5, "30.0 min"), (1.25, "1.25 h")])
def test_durations_are_in_the_unit_one_thinks_in(hours: float, text: str) -> None:
    assert duration_text(hours) == text


def test_settings_are_printed_to_four_digits() -> None:
    assert [setting_text(v) for v in (0.0009782285, 40, "cosine")] == ["0.0009782", "40", "cosine"]


def test_the_terminal_names_a_spread_once_where_all_numbers_share_it() -> None:
    same = Statistic(mean=0.8, sd=0.1, se=0.05, ci95_low=0.7, ci95_high=0.9, n=3)
    for others, said_once in ((same, True), (dataclasses.replace(same, n=2), False)):
        entries = tuple(
            Entry(levels={"f": name}, status="number", metric="test/accuracy", statistic=statistic)
            for name, statistic in (("a", same), ("b", others))
        )
        table = Table(
            name="t",
            title="",
            row_factors=("f",),
            column_factors=(),
            columns=((),),
            rows=((("a",), entries[:1]), (("b",), entries[1:])),
        )
        console = Console(width=100, record=True, file=io.StringIO())
        console.print(_rich_table(table))
        text = " ".join(console.export_text().split())
        assert ("sample sd over n=3 replicates" in text) == said_once
        assert ("(sd, n=3)" in text) != said_once


# Figures and the page


def test_a_cell_has_figures_only_for_what_there_is_to_show(results: StudyResults) -> None:
    def names(method: str) -> list[str]:
        return [figure.name for figure in cell_figures(cell_at(results, "imagenet", method))]

    assert names("knn") == ["curves", "search", "parameters"]
    assert names("linear") == ["curves"]
    assert names("tuned") == []


def test_the_search_figure_follows_the_best_value(results: StudyResults) -> None:
    figure = search_history(cell_at(results, "imagenet", "knn"))
    (line,) = [x for x in figure.axes[0].lines if x.get_label() == "best so far"]
    expected = [1 - 0.5 * math.exp(-4 * 0.01), 1 - 0.5 * math.exp(-4 * 1.0)]
    assert list(line.get_ydata()) == pytest.approx(expected)


def test_pruned_curves_are_fainter_than_finished_ones(results: StudyResults) -> None:
    figure = learning_curves(cell_at(results, "imagenet", "knn"))
    alphas = {len(x.get_xdata()): x.get_alpha() for x in figure.axes[0].lines if x.get_alpha()}
    assert alphas[2] < alphas[4]


def test_an_svg_keeps_the_text_of_its_figure(results: StudyResults) -> None:
    for figure in (f.draw() for f in cell_figures(cell_at(results, "imagenet", "knn"))):
        for axes in figure.axes:
            axes.set_title("0.123456")
        shown = re.findall(r">([^<>]+)</text>", svg(figure))
        for axes in figure.axes:
            labels = [t.get_text() for t in axes.get_yticklabels() if "$" not in t.get_text()]
            low, high = axes.get_ylim()
            inside = [
                text for text, y in zip(labels, axes.get_yticks(), strict=True) if low <= y <= high
            ]
            assert inside
            assert {"0.123456", axes.get_xlabel(), *inside} <= set(shown)


class _Resources(HTMLParser):
    """Collect what a browser would load, and the tags with their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        for name, value in attrs:
            if name in {"src", "href", "xlink:href", "srcset", "data", "action"}:
                self.loaded.append(value or "")


def test_the_page_loads_nothing(page: str) -> None:
    parser = _Resources()
    parser.feed(page)
    assert [url for url in parser.loaded if not url.startswith("#")] == []
    assert "@import" not in page
    assert [u for u in re.findall(r"url\(([^)]*)\)", page) if not u.startswith("#")] == []
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in parser.tags}


def test_the_page_names_its_parts_for_readers_who_cannot_see_it(page: str) -> None:
    parser = _Resources()
    parser.feed(page)
    tags = parser.tags
    assert ("html", {"lang": "en"}) in tags
    assert all("scope" in attributes for tag, attributes in tags if tag == "th")
    assert sum(t == "table" for t, _ in tags) == sum(t == "caption" for t, _ in tags) > 2
    figures = [attributes for tag, attributes in tags if tag == "svg"]
    assert figures
    assert all(a["role"] == "img" and a["aria-label"] for a in figures)


def test_the_page_escapes_names(page: str) -> None:
    assert "ImageNet &lt;b&gt;&amp;" in page
    assert "On Grafts&lt;/i&gt;" in page
    assert "loss is &lt;nan&gt;" in page
    assert "<nan>" not in page


def test_the_page_warns_of_numbers_that_are_no_results(page: str) -> None:
    assert "Not results about medicine" in page
    assert re.search(r"0\.550</span>.*?badge synthetic", page, flags=re.DOTALL)


def test_the_page_prints_the_interval_beside_the_spread(page: str) -> None:
    low, high = stats.t.interval(0.95, 2, loc=0.8, scale=0.1 / math.sqrt(3))
    shown = f"{low:.3f} to {high:.3f}"
    assert re.search(rf"0\.800</span>\s*<span[^>]*>± 0\.100 .*?95 %: {shown}<", page, re.DOTALL)


def test_the_rerun_command_repeats_the_selection(results: StudyResults) -> None:

    cell = dataclasses.replace(
        cell_at(results, "imagenet", "knn"),
        selection={"study": "grafts", "twin": True, "overrides": {"note": "two words"}},
    )
    command = rerun_command("grafts", cell, "transfer", {"method": "knn"})
    assert command == (
        "xenograft run grafts --only experiment=transfer --only method=knn --twin "
        "--set 'note=two words'"
    )


def test_a_folder_that_cannot_be_written_is_a_clear_error(
    results: StudyResults, tmp_path: Path
) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(StorageError, match="cannot write the report"):
        build_report(Findings(results=results, study=study()), tmp_path / "taken")


def test_importing_the_report_and_tracking_stays_cheap() -> None:
    code = (
        "import sys, orchestrator.report, orchestrator.tracking; "
        "print({'mlflow', 'matplotlib', 'pandas', 'scipy', 'numpy', 'torch', 'ray', 'jinja2'}"
        " & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
