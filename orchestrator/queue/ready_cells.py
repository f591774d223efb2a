"""The cells that may have a trial to hand out, the most urgent first, at a cost that does not grow.

A heap whose entries are never changed: a cell of another urgency gets a new entry, and the old one
is dropped when it comes up, or when too many of them have gathered.
"""

from __future__ import annotations

import heapq

Urgency = tuple[bool, bool, int, int]
"""Smaller goes first. The last number is the cell's own, so that no two are equal."""


class ReadyCells:
    """Cells by urgency."""

    def __init__(self) -> None:
        self._urgency: dict[str, Urgency] = {}
        self._heap: list[tuple[Urgency, str]] = []

    def put(self, cell: str, urgency: Urgency) -> None:
        """Add a cell, or change how urgent it is."""
        if self._urgency.get(cell) == urgency:
            return
        self._urgency[cell] = urgency
        heapq.heappush(self._heap, (urgency, cell))
        if len(self._heap) > 2 * len(self._urgency) + 1:
            self._heap = [(urgency, cell) for cell, urgency in self._urgency.items()]
            heapq.heapify(self._heap)

    def discard(self, cell: str) -> None:
        """Remove a cell, if it is there."""
        self._urgency.pop(cell, None)

    def first(self) -> str | None:
        """Return the most urgent cell, or None without any."""
        while self._heap:
            urgency, cell = self._heap[0]
            if self._urgency.get(cell) == urgency:
                return cell
            heapq.heappop(self._heap)
        return None
