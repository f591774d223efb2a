"""From scores of cases to the numbers a trial returns: plain means over cases.

A structure with many cases counts for more than one with few, as in the published tables.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from trainables.segmentation.evaluation import Scores

Bools = npt.NDArray[np.bool_]
Names = npt.NDArray[np.str_]

_MEASURES = ("dice", "iou")


def validation_metrics(scores: Scores) -> dict[str, float]:
    """Return ``val/dice`` and ``val/iou`` at the size of the network, and ``val/loss``."""
    counted = scores["counted"]
    return {
        "val/dice": float(scores["dice_net"].mean()),
        "val/iou": float(scores["iou_net"].mean()),
        "val/loss": float((scores["loss"] * counted).sum() / max(counted.sum(), 1)),
    }


def summarise(scores: Scores, empty: Bools, classes: Names, domains: Names) -> dict[str, float]:
    """Return the metrics of a test.

    ``test/dice`` and ``test/iou`` are at the resolution of the stored masks, with
    ``test/dice_sd``, the sample standard deviation over cases; ``..._net`` at that of the network;
    ``..._files`` by the rule of :func:`stored_scores`; ``..._nonempty`` without cases whose target
    is empty. Classes and domains have their own where there are several.
    """
    metrics = {f"test/{name}": float(values.mean()) for name, values in scores.items()}
    metrics["test/dice_sd"] = float(scores["dice"].std(ddof=1)) if len(empty) > 1 else 0.0
    metrics["test/cases"] = float(len(empty))
    metrics["test/empty_cases"] = float(empty.sum())
    if not empty.all():
        metrics |= {f"test/{m}_nonempty": float(scores[m][~empty].mean()) for m in _MEASURES}
    for kind, names in (("class", classes), ("domain", domains)):
        metrics |= _by_name(scores, kind, names)
    return metrics


def _by_name(scores: Scores, kind: str, names: Names) -> dict[str, float]:
    found = np.unique(names)
    if len(found) < 2:
        return {}
    return {
        f"test/{kind}/{name}/{measure}": float(scores[measure][names == name].mean())
        for name in found.tolist()
        for measure in _MEASURES
    }
