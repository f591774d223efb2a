"""What all figures of a report share: colours, the ink a page replaces, sizes of text."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from matplotlib.axes import Axes

T = TypeVar("T")

# Okabe and Ito's palette, told apart with any colour vision.
ORANGE, SKY, GREEN, BLUE, VERMILION, PURPLE, GREY = (
    "#E69F00",
    "#56B4E9",
    "#009E73",
    "#0072B2",
    "#D55E00",
    "#CC79A7",
    "#999999",
)
LINE_COLOURS = (BLUE, VERMILION, GREEN, ORANGE, SKY, PURPLE, GREY)
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
"""Of lines, in the order of their colours: colour is never all that tells them apart."""

INK = "#010203"
"""Colour of text and axes; a page replaces it by its own text colour."""

_STYLE = dict.fromkeys(
    (
        *("text.color", "axes.labelcolor", "axes.titlecolor", "axes.edgecolor"),
        *("xtick.color", "ytick.color"),
    ),
    INK,
)
SMALL = 8
"""Points; size of tick labels, legends and notes."""


def plain_axes(axes: Axes) -> None:
    """Take away what carries no data: two of the spines, and the weight of the grid."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25, linewidth=0.5)
    axes.tick_params(labelsize=SMALL)


def in_style(draw: Callable[[], T]) -> T:
    """Draw with the report's ink."""
    import matplotlib as mpl

    with mpl.rc_context(_STYLE):
        return draw()
