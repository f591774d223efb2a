"""What follows from the cells of a table, and the paper's own numbers."""

from __future__ import annotations

from search_spaces.derived import Run, Values
from search_spaces.feature_reuse.grid import INIT
from search_spaces.medical_sets import DATASET
from search_spaces.published_numbers import published_rows
from search_spaces.study import Published


def _by_init(means: Values) -> dict[tuple[str, str], dict[str, float]]:
    settings: dict[tuple[str, str], dict[str, float]] = {}
    for (model, dataset, init), mean in means.items():
        settings.setdefault((model, dataset), {})[init] = mean
    return settings


def _above_zero(metric: float) -> float:
    """Return a metric that others are divided by: a kappa of zero or less makes no ratio."""
    return metric if metric > 0 else float("nan")


def relative_increase(means: Values) -> Values:
    complete = {k: v for k, v in _by_init(means).items() if {"wt", "ri"} <= set(v)}
    return {k: _above_zero(v["wt"]) / _above_zero(v["ri"]) for k, v in complete.items()}


def feature_reuse(means: Values) -> Values:
    complete = {k: v for k, v in _by_init(means).items() if len(v) == len(INIT.levels)}
    if not complete:
        return {}
    from trainables.analyses.gains import transfer_gains

    ri, st = ([v[init] for v in complete.values()] for init in ("ri", "st"))
    wt = [_above_zero(v["wt"]) for v in complete.values()]
    gains = transfer_gains(random=ri, statistics=st, weights=wt)
    return dict(zip(complete, gains.reuse_scaled.tolist(), strict=True))


def epochs_to_converge(run: Run) -> float:
    """Return the epochs until validation first reached 95 % of this run's best."""
    finite = [(step, v) for step, v in zip(run.steps, run.values, strict=True) if v == v]
    best = max((v for _, v in finite), default=float("nan"))
    return next((float(step) for step, v in finite if v >= 0.95 * best), float("nan"))


def as_it_is(means: Values) -> Values:
    return means


def found_rate(run: Run) -> float:
    return float(run.params["optimizer.lr"])


_SOURCE_MODELS = {
    "DeiT-S": "deit_s",
    "SWIN-T": "swin_t",
    "InceptionV3": "inception_v3",
    "ResNet50": "resnet50",
}
_SOURCE_DATASETS = {title: level for level, title in DATASET.titles.items()}


def published_gains() -> dict[tuple[str, ...], Published]:
    rows = published_rows("feature_reuse", "Figure 1 (digitised)")
    return {
        (_SOURCE_MODELS[row.method], _SOURCE_DATASETS[row.dataset]): row.as_published()
        for row in rows
        if row.metric == "feature_reuse_gain_minmax"
    }


def published_fid() -> dict[tuple[str, ...], Published]:
    rows = published_rows("feature_reuse", "Figure 1 (digitised)")
    return {(_SOURCE_DATASETS[r.dataset],): r.as_published() for r in rows if r.metric == "fid"}


def published_preceding() -> dict[tuple[str, ...], Published]:
    """Return the group's preceding paper: another schedule and augmentation, so a rough guide."""
    inits = {"random": "ri", "ImageNet supervised": "wt"}
    found: dict[tuple[str, ...], Published] = {}
    for row in published_rows("feature_reuse", "Table 1"):
        model, _, init = row.method.partition(" ")
        if init in inits:
            place = (_SOURCE_MODELS[model], _SOURCE_DATASETS[row.dataset], inits[init])
            found[place] = row.as_published(error_kind="sd", n=5)
    return found
