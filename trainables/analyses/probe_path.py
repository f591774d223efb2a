"""The choice of a probe's penalty on the validation split, all of them solved together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from trainables.analyses.analysis_file import write_analysis
from trainables.analyses.frozen import FrozenTask
from trainables.analyses.head_training import Cases
from trainables.analyses.logistic import LinearProbe
from trainables.analyses.logistic_path import fit_logistic_path
from trainables.context import Context
from trainables.data.open import open_split
from trainables.engine.selection import selection_value
from trainables.metrics.classification import classification_metrics

if TYPE_CHECKING:
    from trainables.probe import Config


def best_of_path(
    config: Config, task: FrozenTask, cases: Cases
) -> tuple[LinearProbe, dict[str, float]]:
    """Return the probe that validation likes best, and metrics of that choice.

    A replicate leaves ``path.json``: the metrics of every value.
    """
    context, train = task.context, task.train
    values = config.path.inverse_l2()
    probes = fit_logistic_path(
        cases.x_nd,
        cases.labels,
        task=train.task,
        classes=train.classes,
        inverse_l2=values,
        max_iter=config.max_iter,
        device=context.device,
    )
    val = open_split(config.data, "val", context)
    feats_nd = task.feats(val)
    points = [
        {f"val/{name}": value for name, value in metrics.items()}
        for probe in probes
        for metrics in [classification_metrics(probe.logits(feats_nd), val.labels, val.task)]
    ]
    ranks = [selection_value(point, config.path.metric, "first_best") for point in points]
    best = ranks.index(max(ranks))
    chosen = {
        "chosen/inverse_l2": values[best],
        "chosen/ties": float(ranks.count(ranks[best]) - 1),
    }
    if context.final:
        _write(context, values, probes, points, chosen)
    return probes[best], chosen


def _write(
    context: Context,
    values: Sequence[float],
    probes: Sequence[LinearProbe],
    points: Sequence[Mapping[str, float]],
    chosen: Mapping[str, float],
) -> None:
    curve = [
        {"inverse_l2": value, "converged": probe.converged, **point}
        for value, probe, point in zip(values, probes, points, strict=True)
    ]
    write_analysis(context, "path", {"path": curve}, chosen, why="")
