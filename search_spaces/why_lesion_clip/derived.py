"""What follows from the accuracies of data sets: averages and gaps by the paper's conventions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import fmean

from search_spaces.derived import Values
from search_spaces.study import Factor
from search_spaces.why_lesion_clip.grid import datasets

AGGREGATES = ("id", "ood", "gap", "avg", "unconfd", "overall")
NUMBER = Factor(
    name="number",
    levels=AGGREGATES,
    titles={
        "id": "ID",
        "ood": "OOD",
        "gap": "Gap",
        "avg": "Avg",
        "unconfd": "Unconfd",
        "overall": "Overall",
    },
)

_Accuracies = Mapping[tuple[str, str], float]
"""(data set, split) -> accuracy of one row in one modality."""


def aggregates(means: Values) -> Values:
    """Return the numbers of Table 2 for means by modality, data set, split and rows.

    Over the five confounded sets: mean ID, mean OOD, mean of each set's |ID - OOD|, which is not
    the difference of the means, and mean of each set's average. Over the five others: mean test
    accuracy. Overall: the mean of the last two. What lacks a data set is left out.
    """
    found: dict[tuple[str, ...], float] = {}
    for (modality, *row), accuracies in _by_row(means).items():
        for number, value in _aggregated(modality, accuracies).items():
            found[modality, number, *row] = value
    return found


def gaps(means: Values) -> Values:
    """Return |ID - OOD| of every confounded set, by modality, data set and rows."""
    return _of_confounded(means, lambda inside, outside: abs(inside - outside))


def averages(means: Values) -> Values:
    """Return (ID + OOD) / 2 of every confounded set, by modality, data set and rows."""
    return _of_confounded(means, lambda inside, outside: (inside + outside) / 2)


def gap_closed(means: Values) -> Values:
    """Return by how much the mean gap of a method is smaller than the linear probe's."""
    mean_gaps = {
        (modality, method): value
        for (modality, number, method), value in aggregates(means).items()
        if number == "gap"
    }
    return {
        (modality, method): mean_gaps[modality, "linear_probe"] - gap
        for (modality, method), gap in mean_gaps.items()
        if method != "linear_probe" and (modality, "linear_probe") in mean_gaps
    }


def unconfounded_mean(means: Values) -> Values:
    """Return the plain mean over the five unconfounded sets, by modality and rows."""
    rows: dict[tuple[str, ...], dict[str, float]] = {}
    for (modality, dataset, *row), mean in means.items():
        rows.setdefault((modality, *row), {})[dataset] = mean
    found = {}
    for levels, by_dataset in rows.items():
        values = _complete(by_dataset, list(datasets(levels[0], confounded=False)))
        if values:
            found[levels] = fmean(values)
    return found


def _of_confounded(means: Values, compute: Callable[[float, float], float]) -> Values:
    found: dict[tuple[str, ...], float] = {}
    for (modality, *row), accuracies in _by_row(means).items():
        for dataset in datasets(modality, confounded=True):
            inside, outside = ((dataset, split) for split in ("id", "ood"))
            if inside in accuracies and outside in accuracies:
                value = compute(accuracies[inside], accuracies[outside])
                found[modality, dataset, *row] = value
    return found


def _by_row(means: Values) -> dict[tuple[str, ...], dict[tuple[str, str], float]]:
    """Return (modality, rows) -> (data set, split) -> accuracy."""
    rows: dict[tuple[str, ...], dict[tuple[str, str], float]] = {}
    for (modality, dataset, split, *row), mean in means.items():
        rows.setdefault((modality, *row), {})[dataset, split] = mean
    return rows


def _aggregated(modality: str, accuracies: _Accuracies) -> dict[str, float]:
    by_split = {
        split: _complete(
            {d: mean for (d, s), mean in accuracies.items() if s == split},
            list(datasets(modality, confounded=True)),
        )
        for split in ("id", "ood")
    }
    tests = {d: mean for (d, s), mean in accuracies.items() if s == "ood"}
    unconfounded = _complete(tests, list(datasets(modality, confounded=False)))
    numbers: dict[str, float] = {s: fmean(values) for s, values in by_split.items() if values}
    if len(numbers) == 2:
        pairs = list(zip(by_split["id"], by_split["ood"], strict=True))
        numbers["gap"] = fmean(abs(inside - outside) for inside, outside in pairs)
        numbers["avg"] = fmean(fmean(pair) for pair in pairs)
    if unconfounded:
        numbers["unconfd"] = fmean(unconfounded)
    if "avg" in numbers and unconfounded:
        numbers["overall"] = fmean((numbers["avg"], numbers["unconfd"]))
    return numbers


def _complete(values: Mapping[str, float], names: Sequence[str]) -> list[float]:
    """Return the values in this order; none if one is missing."""
    return [values[name] for name in names] if set(names) <= set(values) else []
