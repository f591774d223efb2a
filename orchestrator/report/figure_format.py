"""A figure as an SVG file, and as an SVG element inside a page."""

from __future__ import annotations

import hashlib
import io
import re
from html import escape
from typing import TYPE_CHECKING

from orchestrator.report.figure_style import INK

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def svg(figure: Figure, digest: str = "") -> str:
    """Return the figure as an SVG file without background; equal figures give equal text.

    Args:
        digest: written into the file, to know it by.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    for patch in (figure.patch, *(axes.patch for axes in figure.axes)):
        patch.set_visible(False)
    file = io.StringIO()
    # Text stays text: smaller, selectable, and in the reader's font.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "xenograft"}):
        # Not savefig, which draws once more to find what this backend does not ask for.
        canvas = FigureCanvasSVG(figure)
        canvas.print_svg(file, metadata={"Date": None, "Identifier": digest})
    return re.sub(r"<[^>]*>", _shorten_coordinates, file.getvalue())


def inline_svg(text: str, words: str) -> str:
    """Return an ``<svg>`` element whose text and axes have the colour of the text around it.

    Args:
        text: what :func:`svg` returned.
        words: what the figure shows, for readers who cannot see it.
    """
    text = text.replace(INK, "currentColor")
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    # Group ids repeat in every figure; only those of clip paths and markers are referred to.
    text = re.sub(r'<g id="[^"]*"', "<g", text)
    # Equal clip paths and markers have equal ids, and a page has many figures.
    own = hashlib.sha256(f"{words}\n{text}".encode()).hexdigest()[:8]
    text = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>f{own}-", text)
    text = re.sub(r"\n\s+", "\n", text)
    label = escape(words, quote=True)
    return text.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)


def svg_width_in(text: str) -> float:
    """Return the width in inches of what :func:`svg` returned."""
    found = re.search(r'<svg\b[^>]*\bwidth="([\d.]+)pt"', text)
    assert found is not None  # Matplotlib writes it
    return float(found[1]) / 72


def _shorten_coordinates(tag: re.Match[str]) -> str:
    """Cut the numbers inside a tag: a hundredth of a point is finer than any screen."""
    return re.sub(r"(\d\.\d\d)\d+", r"\1", tag[0])
