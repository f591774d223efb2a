"""The best, median and worst cases of a test as small pictures to look at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from trainables.data.atomic_file import replace_file, write_json
from trainables.segmentation.case_table import CaseTable
from trainables.segmentation.file_names import GALLERY, LISTING
from trainables.segmentation.overlay import CasePicture, overlay_png

_MOST = 3
"""Pictures of a kind."""


def write_gallery(folder: Path, cases: CaseTable, picture_of: Callable[[int], CasePicture]) -> None:
    """Write ``gallery/{best,median,worst}_<k>.png`` and ``gallery/gallery.json`` into a folder.

    Args:
        picture_of: index of a case -> its picture; asked for one at a time, only for those shown.
    """
    target = folder / GALLERY
    target.mkdir(parents=True, exist_ok=True)
    drawable = _drawable(cases)
    pictures = []
    for kind, chosen in choose(cases, drawable).items():
        for k, case in enumerate(chosen, start=1):
            name = f"{kind}_{k}.png"
            _write(target / name, overlay_png(picture_of(case)))
            pictures.append({"file": name, "kind": kind, **_caption(cases, case)})
    counts = {"cases": len(cases), "nothing_to_draw": len(cases) - len(drawable)}
    write_json(target / LISTING, {"pictures": pictures, **counts})


def choose(cases: CaseTable, among: Sequence[int]) -> dict[str, list[int]]:
    """Return indices of the best, median and worst cases by Dice; none is there twice.

    Best begins with the best, worst with the worst; equal Dice is ordered by the case's id.
    """
    ranked = sorted(among, key=lambda i: (-cases.dice[i], cases.ids[i]))
    n = len(ranked)
    most = min(_MOST, max(1, n // 3))
    # Fewer than three cases are the best and, of two, the worst.
    middle = (n - most) // 2
    return {
        "best": ranked[:most],
        "median": ranked[middle : middle + most] if n >= 3 else [],
        "worst": ranked[: -most - 1 : -1] if n >= 2 else [],
    }


def _drawable(cases: CaseTable) -> list[int]:
    """Leave out where truth and prediction are both empty, which scores 1 and shows nothing."""
    return np.flatnonzero(~(cases.empty & (cases.dice == 1))).tolist()


def _caption(cases: CaseTable, case: int) -> dict[str, str | float]:
    return {
        "case": cases.ids[case],
        "domain": cases.domains[case],
        "class": cases.classes[case],
        "prompt": cases.prompts[case],
        "dice": float(cases.dice[case]),
        "iou": float(cases.iou[case]),
    }


def _write(path: Path, content: bytes) -> None:
    def write(temporary: Path) -> None:
        temporary.write_bytes(content)

    replace_file(path, write)
