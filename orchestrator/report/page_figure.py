"""A figure as the page shows it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class PageFigure:
    """A figure in the page, or a link to its file.

    Args:
        file: its file, from the folder of the page.
        words: what it shows.
        labels: what must stand beside it.
        width_in: how wide it was drawn.
        svg: an ``<svg>`` element; empty: the page links the file.
    """

    file: str
    title: str
    words: str
    svg: str
    labels: tuple[str, ...] = ()
    width_in: float = 0.0
