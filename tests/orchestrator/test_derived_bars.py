"""Bars of a derived table with the published values beside them."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from orchestrator.report.derived_bars import derived_bars, draw_bars
from orchestrator.report.statistics import Statistic
from orchestrator.report.table import Entry, Table, arrange
from search_spaces.derived import Derived
from search_spaces.figures import DerivedBars
from search_spaces.foundation_medical import STUDY
from search_spaces.study import Factor, Published, Study
from trainables.errors import ConfigError

DERIVED = Derived(
    name="gain",
    title="Gain",
    experiment="grid",
    factors=(
        Factor(name="backbone", levels=("sam", "deit"), titles={"sam": "SAM"}),
        Factor(name="head", levels=("linear", "deep")),
        Factor(name="profile", levels=("paper", "clean")),
    ),
    compute=dict,
)
FIGURE = DerivedBars(
    name="bars",
    title="Bars",
    table="gain",
    bars="backbone",
    colours="head",
    where={"profile": "paper"},
)
OURS = {("sam", "linear"): (-1.0, -2.0, 0.5), ("deit", "linear"): (2.0, None, None)}
PAPER = {("sam", "deep"): -1.9, ("sam", "linear"): -1.07}


def _entry(levels: Mapping[str, str]) -> Entry:
    key = (levels["backbone"], levels["head"])
    ours = OURS.get(key)
    statistic = None
    if ours is not None:
        mean, low, high = ours
        shift = 10 if levels["profile"] == "clean" else 0
        statistic = Statistic(n=3, mean=mean + shift, ci95_low=low, ci95_high=high)
    published = Published(value=PAPER[key], source="Figure 1") if key in PAPER else None
    return Entry(levels=levels, status="number", statistic=statistic, published=published)


TABLE: Table = arrange(DERIVED, _entry)


def test_a_bar_per_number_an_interval_where_there_is_one_a_diamond_per_published_value() -> None:
    shown = derived_bars(FIGURE, DERIVED, TABLE)
    assert set(shown.entries) == {(0, 0), (0, 1), (1, 0)}, "nothing is known of deit, deep"
    (axes,) = draw_bars(shown, "percent").axes
    widths = [bar.get_width() for bar in axes.patches]
    assert sorted(width for width in widths if width) == [-1.0, 2.0], "only what 'where' names"
    (interval,) = axes.collections
    assert [list(point) for point in interval.get_segments()[0][:, :1]] == [[-2.0], [0.5]]
    diamonds = [x for line in axes.lines if line.get_marker() == "D" for x in line.get_xdata()]
    assert sorted(diamonds) == [-1.9, -1.07]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["SAM", "deit"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"table": "gian"}, "no derived table 'gian'"),
        ({"where": {}}, "must name each factor"),
        ({"where": {"training": "fine_tuned", "profile": "papr"}}, "no level 'papr'"),
    ],
)
def test_a_figure_of_what_the_study_has_not_is_refused(
    changes: dict[str, object], message: str
) -> None:
    (figure,) = STUDY.figures
    assert isinstance(figure, DerivedBars)
    known = {name: getattr(figure, name) for name in DerivedBars.__dataclass_fields__}
    broken = DerivedBars(**{**known, **changes})  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=message):
        Study(
            name=STUDY.name,
            title=STUDY.title,
            paper=STUDY.paper,
            experiments=STUDY.experiments,
            derived=STUDY.derived,
            figures=(broken,),
        )
