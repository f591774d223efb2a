"""Figures that a study declares: what they show, how panels are laid out, where they appear."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import report_cells as made
from matplotlib.figure import Figure
from matplotlib.text import Text

from orchestrator.report import Findings, build, build_report
from orchestrator.report.curve_panels import draw_curves
from orchestrator.report.facets import Facet, pages, sharing
from orchestrator.report.factor_curves import factor_panels
from orchestrator.report.figure_format import svg
from orchestrator.report.figure_style import INK
from orchestrator.report.gain_scatter import scatter
from orchestrator.report.heat_maps import MatrixPanel, draw_matrices
from orchestrator.report.layer_curves import layer_panels
from orchestrator.report.pair_figure import draw_pairs
from orchestrator.report.pairs import Pair
from orchestrator.report.panel_grid import compact
from orchestrator.report.results import CellResult, StudyResults
from orchestrator.report.study_figures import ReportFigure
from orchestrator.report.tables import build_tables
from search_spaces.derived import Derived, Values
from search_spaces.figures import FactorCurves, GainScatter, LayerCurves
from search_spaces.study import Experiment, Factor, Study

DEPTH = {"model": ("vit", "cnn"), "level": ("-2", "0", "12"), "init": ("st", "wt")}
CURVES = FactorCurves(name="depth", title="By depth", x="level", lines="init", panels=("model",))


def depth(model: str, level: str, init: str, *values: float) -> CellResult:
    levels = {"model": model, "level": level, "init": init}
    return made.cell("depth", levels, made.accuracies(*values))


# Layout


def test_factors_a_figure_does_not_name_make_a_figure_each() -> None:
    factors = [Factor(name=n, levels=tuple(v)) for n, v in DEPTH.items()]
    found = pages(factors, ("level", "model"), ("model",))
    assert [page.levels for page in found] == [{"init": "st"}, {"init": "wt"}]
    assert [(f.row, f.column, f.levels) for f in found[0].facets] == [
        (0, 0, {"init": "st", "model": "vit"}),
        (0, 1, {"init": "st", "model": "cnn"}),
    ]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({(0, 0): "a", (0, 1): "a", (1, 0): "a"}, "all"),
        ({(0, 0): "a", (0, 1): "a", (1, 0): "b"}, "row"),
        ({(0, 0): "a", (0, 1): "b", (1, 0): "a"}, "col"),
        ({(0, 0): "a", (0, 1): "b", (1, 0): "b", (1, 1): "a"}, "none"),
    ],
)
def test_panels_share_an_axis_only_where_it_means_the_same(
    values: Mapping[tuple[int, int], str], expected: str
) -> None:
    assert sharing(values) == expected


def test_empty_rows_close_up_and_a_long_row_wraps() -> None:
    assert compact([(0, 1), (2, 3)]) == {(0, 1): (0, 0), (2, 3): (1, 1)}
    assert compact((0, k) for k in range(6))[0, 3] == (1, 0)


# Curves over a factor


def test_curves_are_means_and_sample_sds_at_the_level_as_a_number() -> None:
    found = made.results(
        depth("vit", "12", "st", 0.7, 0.8, 0.9), depth("vit", "-2", "st", 0.5, 0.6, 0.7)
    )
    (panel,) = curve_panels(found, made.experiment("depth", DEPTH))
    (series,) = panel.series
    assert series.x == (-2.0, 12.0)
    assert series.y == pytest.approx([0.6, 0.8])
    assert series.sd == pytest.approx([np.std([0.5, 0.6, 0.7], ddof=1)] * 2)
    assert (panel.y_label, panel.ticks) == ("test/accuracy", None)


def curve_panels(results: StudyResults, of: Experiment, figure: FactorCurves = CURVES) -> Any:
    study = made.study(of)
    (table,) = build_tables(results, study)
    at = {frozenset(e.levels.items()): e for e in table.entries}
    (page,) = pages(of.factors, figure.factors, figure.panels)
    return factor_panels(figure, of, page, at)


def test_between_categories_there_is_nothing() -> None:
    of = made.experiment("capacity", {"model": ("s", "m", "l")})
    cells = [made.cell("capacity", {"model": m}, made.accuracies(0.5)) for m in ("s", "l")]
    figure = FactorCurves(name="c", title="", x="model")
    (panel,) = curve_panels(made.results(*cells), of, figure)
    assert panel.ticks == ("s", "m", "l")
    assert panel.series[0].x == (0.0, 1.0, 2.0)
    assert [math.isnan(y) for y in panel.series[0].y] == [False, True, False]


def test_published_numbers_stand_beside_the_curve() -> None:
    of = made.experiment("depth", {"level": ("1", "2")}, published={("2",): made.published(0.9)})
    cells = [made.cell("depth", {"level": k}, made.accuracies(0.5)) for k in ("1", "2")]
    figure = FactorCurves(name="c", title="", x="level")
    (panel,) = curve_panels(made.results(*cells), of, figure)
    assert panel.series[0].published == ((2.0, 0.9),)


def test_the_drawn_curve_has_its_points_band_and_legend() -> None:
    found = made.results(
        *(depth("vit", k, i, 0.5, 0.6) for k in ("-2", "0") for i in ("st", "wt")),
        depth("cnn", "0", "wt", 0.7, 0.7),
    )
    figure = draw_curves(curve_panels(found, made.experiment("depth", DEPTH)), "level")
    assert [a.get_title() for a in figure.axes] == ["vit", "cnn"]
    assert [list(line.get_xdata()) for line in figure.axes[0].lines] == [[-2, 0], [-2, 0]]
    assert len(figure.axes[0].collections) == 2
    assert [t.get_text() for t in figure.legends[0].get_texts()] == ["st", "wt"]
    assert figure.axes[0].get_ylim() == figure.axes[1].get_ylim()


def test_an_unfinished_cell_is_no_point() -> None:
    of = made.experiment("depth", {"level": ("1", "2")})
    cells = [
        made.cell("depth", {"level": "1"}, made.accuracies(0.5)),
        made.cell("depth", {"level": "2"}, made.accuracies(0.6), state="running"),
    ]
    figure = FactorCurves(name="c", title="", x="level")
    (panel,) = curve_panels(made.results(*cells), of, figure)
    assert panel.series[0].x == (1.0,)


# Layers

NAMES = ("patch_embed", "blocks.0.attn", "blocks.10.mlp", "fc")
LAYERS = {
    f"knn/{k:02d}_{name}/{kind}": (k + 1) / 20
    for k, name in enumerate(NAMES)
    for kind in ("all", "cls")
}
KNN = {"init": ("st", "wt"), "state": ("trained", "initial")}


def layers(results: StudyResults, **more: Any) -> Any:
    figure = LayerCurves(
        **{"name": "l", "title": "", "family": "knn", "kind": "all", "lines": tuple(KNN), **more}
    )
    of = made.experiment("knn", KNN)
    (page,) = pages(of.factors, figure.factors, figure.panels)
    return layer_panels(figure, of, page, results)


def knn_cell(init: str, state: str, *factors: float) -> CellResult:
    metrics = [{made.METRIC: 0.5, **{k: v * f for k, v in LAYERS.items()}} for f in factors]
    return made.cell("knn", {"init": init, "state": state}, metrics)


def test_layers_are_in_network_order_with_their_names_of_one_kind() -> None:
    (panel,) = layers(made.results(knn_cell("st", "trained", 1.0, 3.0)))
    assert panel.ticks == ("patch_embed", "0.attn", "10.mlp", "fc")
    (series,) = panel.series
    assert series.x == (0.0, 1.0, 2.0, 3.0)
    assert series.y == pytest.approx([0.1, 0.2, 0.3, 0.4])
    assert series.sd == pytest.approx([np.std([0.05, 0.15], ddof=1) * k for k in (1, 2, 3, 4)])


def test_a_second_line_factor_changes_the_dash_and_keeps_the_colour() -> None:
    cells = [knn_cell(i, s, 1.0) for i in KNN["init"] for s in KNN["state"]]
    (panel,) = layers(made.results(*cells))
    assert [(s.label, s.colour, s.dash) for s in panel.series] == [
        ("st, trained", 0, 0), ("st, initial", 0, 1),
        ("wt, trained", 1, 0), ("wt, initial", 1, 1),
    ]  # fmt: skip


def test_metrics_with_a_kind_are_not_those_without() -> None:
    assert layers(made.results(knn_cell("st", "trained", 1.0)), kind=None) == []


def test_bars_stand_side_by_side_at_their_layer() -> None:
    found = made.results(knn_cell("st", "trained", 1.0), knn_cell("wt", "trained", 1.0))
    panels = layers(found)
    figure = draw_curves(panels, "layer", bars=True)
    centres = [p.get_x() + p.get_width() / 2 for p in figure.axes[0].patches]
    assert np.round(centres).tolist() == [0, 1, 2, 3] * 2
    assert len({round(c, 6) for c in centres}) == 8


# Gains by size and distance

MODELS, SETS = ("vit", "cnn"), ("skin", "eye")
PANELS = (Factor(name="model", levels=MODELS), Factor(name="dataset", levels=SETS))


def identity(means: Values) -> Values:
    return means


def gain_study() -> Study:
    main = made.experiment("main", {"model": MODELS, "dataset": SETS})
    fid = made.experiment("fid", {"dataset": SETS})
    shared = {"title": "", "experiment": "main", "factors": PANELS, "compute": identity}
    colour = Derived(name="reuse", published={("vit", "skin"): made.published(0.9)}, **shared)
    figure = GainScatter(
        name="figure_1",
        title="Gains",
        x={"skin": 25_000, "eye": 3_600},
        y="fid",
        size="gain",
        colour="reuse",
        panels="model",
        points="dataset",
    )
    return made.study(
        main, fid, derived=(Derived(name="gain", **shared), colour), figures=(figure,)
    )


def main_cells(*models: str) -> list[CellResult]:
    return [
        made.cell("main", {"model": m, "dataset": d}, made.accuracies(0.5 + k / 10))
        for m in models for k, d in enumerate(SETS)
    ]  # fmt: skip


def test_points_stand_at_size_and_distance_with_their_gains() -> None:
    fid = made.cell("fid", {"dataset": "skin"}, made.accuracies(141.0))
    study = gain_study()
    tables = {t.name: t for t in build_tables(made.results(*main_cells("vit"), fid), study)}
    shown = scatter(study.figures[0], study.derived[0], tables)
    assert [p.facet.column_title for p in shown.panels] == ["vit", "cnn"]
    (point,) = shown.panels[0].points
    assert (point.x, point.y, point.size, point.published) == (25_000, 141.0, 0.5, 0.9)
    (unknown,) = shown.panels[1].points
    assert math.isnan(unknown.size)
    assert shown.notes == ("no FID to ImageNet yet for eye: run experiment 'fid'",)


def test_without_distances_the_figure_says_so() -> None:
    (figure,) = made.drawn(made.results(*main_cells("vit")), gain_study())
    assert "No FID to ImageNet yet for skin, eye: run experiment 'fid'." in figure.words
    assert {t.get_text() for a in figure.draw().axes for t in a.texts} == {"nothing yet"}


# Together


def full_study() -> Study:
    depth = made.experiment("depth", DEPTH, figures=(CURVES,))
    sim = made.experiment("sim", {"model": ("vit", "cnn")}, figures=(made.MATRIX,))
    return made.study(depth, sim)


def full_results(kind: str = "synthetic") -> StudyResults:
    levels = {"model": "vit", "level": "0", "init": "st"}
    return made.results(
        made.cell("depth", levels, made.accuracies(0.5, 0.6), kind=kind, steps=3),
        made.cell("sim", {"model": "cnn"}, made.accuracies(0.5)),
        read_json=lambda *_: made.artifact([[1.0, 0.1], [0.1, 1.0]]),
    )


def test_figures_are_files_and_stand_below_their_table(tmp_path: Path) -> None:
    paths = build_report(Findings(results=full_results(), study=full_study()), tmp_path)
    names = {path.relative_to(tmp_path).as_posix() for path in paths}
    assert {"figures/depth-depth.svg", "figures/sim-m.svg"} <= names
    page = paths[0].read_text()
    order = [page.index(x) for x in ("Table of depth", 'id="figures/depth-depth.svg"',
                                     "Table of sim", 'id="figures/sim-m.svg"')]  # fmt: skip
    assert order == sorted(order)
    assert 'aria-label="By depth. test/accuracy by level; mean over n=2 replicates' in page
    outside = re.findall(r'(?:src|href)="(?!#|data:image/png;base64,)[^"]*"', page)
    assert outside == []


def test_parts_that_scroll_have_names_of_their_own_even_where_titles_are_alike(
    tmp_path: Path,
) -> None:
    study = full_study()
    alike = [
        dataclasses.replace(
            experiment,
            title="Accuracy",
            figures=tuple(dataclasses.replace(f, title="By it") for f in experiment.figures),
        )
        for experiment in study.experiments
    ]
    named = dataclasses.replace(study, experiments=tuple(alike))
    page = build_report(Findings(results=full_results(), study=named), tmp_path)[0].read_text()
    names = re.findall(r'role="region"[^>]*aria-label="([^"]*)"', page)
    assert sum(name.startswith(("Table: Accuracy", "Figure: By it")) for name in names) == 4
    assert len(set(names)) == len(names)


def test_a_figure_says_what_its_numbers_stand_on() -> None:
    figures = {figure.of: figure for figure in made.drawn(full_results(), full_study())}
    assert figures["depth"].labels == ("synthetic",)
    assert "synthetic: made on generated pictures" in figures["depth"].draw().get_supxlabel()
    assert figures["sim"].labels == ()
    assert "synthetic" not in figures["sim"].draw().get_supxlabel()


def test_what_numbers_stand_on_has_the_ink_of_the_page() -> None:
    """Also below a figure without a label of its axis, such as a matrix of pairs."""
    pair = Pair(first="a", second="b", effect=0.1, units=5, p=0.5, kind="", p_holm=0.5)
    matrix = partial(draw_pairs, [pair], Factor(name="method", levels=("a", "b")))
    named = dict.fromkeys(("of", "name", "title", "words"), "")
    pairs = ReportFigure(labels=("synthetic",), drawing=matrix, **named)
    stamped = [f for f in made.drawn(full_results(), full_study()) if f.labels]
    for figure in (pairs, *stamped):
        notes = re.findall(r"<text[^>]*>synthetic: .*?</text>", svg(figure.draw()))
        assert [INK in note for note in notes] == [True]


def test_figures_of_many_cells_are_linked_and_not_in_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    findings = Findings(results=full_results(), study=full_study())
    few = build_report(findings, tmp_path / "few")[0].read_text()
    monkeypatch.setattr(build, "_MOST_INLINE", 1)
    many = build_report(findings, tmp_path / "many")[0].read_text()
    assert many.count("<svg") == few.count("<svg") - 1
    (link,) = re.findall(r'<a href="(figures/[^"]*curves[^"]*)"', many)
    assert (tmp_path / "many" / link.replace("%3D", "=")).is_file()


def test_the_bar_of_a_report_reaches_its_end_cell_by_cell(tmp_path: Path) -> None:
    heard: list[tuple[int, int]] = []
    findings = Findings(results=full_results(), study=full_study())
    build_report(findings, tmp_path, lambda *at: heard.append(at))
    assert heard == [(1, 2), (2, 2)]


def test_figures_are_drawn_again_only_when_their_numbers_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    findings = Findings(results=full_results(), study=full_study())
    first = [path for path in build_report(findings, tmp_path) if path.suffix == ".svg"]
    before = {path: path.read_text() for path in first}
    (of_cell,) = [path for path in first if "curves" in path.name]
    count = 0

    def counted(figure: Figure, digest: str) -> str:
        nonlocal count
        count += 1
        return svg(figure, digest)

    monkeypatch.setattr(build, "svg", counted)
    build_report(Findings(results=full_results(), study=full_study()), tmp_path)
    assert count == 0
    of_study = next(path for path in first if "curves" not in path.name)
    for path in (of_cell, of_study):
        path.write_text("<svg of other numbers")
    build_report(Findings(results=full_results(), study=full_study()), tmp_path)
    assert count == 2
    assert {path: path.read_text() for path in first} == before


def test_what_numbers_stand_on_fits_below_a_narrow_figure() -> None:
    pair = Pair(first="a", second="b", effect=0.1, units=5, p=0.5, kind="", p_holm=0.5)
    factor = Factor(name="method", levels=("a", "b"))
    labels = ("synthetic", "twin", "random")
    drawing = partial(draw_pairs, [pair], factor)
    of = ReportFigure(of="a", name="b", title="", words="", labels=labels, drawing=drawing)
    figure = of.draw()
    figure.draw_without_rendering()
    (text,) = [t for t in figure.findobj(Text) if "synthetic" in t.get_text()]
    assert text.get_window_extent().width <= figure.bbox.width


def test_the_digest_of_a_figure_is_of_all_that_it_shows() -> None:
    values = ([1.0, 0.5], [0.5, 1.0])
    facet = Facet(row=0, column=0, row_title="", column_title="", levels={})
    digests = set()
    for third in (0.1, 0.1 + 1e-12):
        panel = MatrixPanel(facet=facet, layers=("a", "b"), values=np.array([*values, [third, 0]]))
        for labels in ((), ("twin",)):
            drawing = partial(draw_matrices, [panel], "sim")
            figure = ReportFigure(
                of="a", name="b", title="", words="", labels=labels, drawing=drawing
            )
            digests.add(figure.digest)
    assert len(digests) == 4
