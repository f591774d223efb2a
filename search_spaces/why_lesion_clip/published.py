"""The paper's own numbers by the levels of our tables, as fractions.

All are of single runs. What is wrong with some of them is in :mod:`suspects
<search_spaces.why_lesion_clip.suspects>`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from search_spaces.published_numbers import PublishedRow, published_rows
from search_spaces.study import Factor, Published
from search_spaces.why_lesion_clip.clips import MODEL, UNTRAINED
from search_spaces.why_lesion_clip.derived import NUMBER
from search_spaces.why_lesion_clip.grid import (
    ABLATION,
    ANNOTATOR,
    CONFOUNDED,
    DEFINITION,
    METHOD,
    PROBED_DATASET,
    REPORTS,
    SOURCE,
    modality_of,
)
from search_spaces.why_lesion_clip.suspects import suspicion

_STUDY = "why_lesion_clip"
_PERCENT = 0.01
_MEANS = {"skin-mean": "skin", "xray-mean": "xray", "natural-mean": "natural"}
_DATASETS = {title: level for level, title in PROBED_DATASET.titles.items()}
_NUMBERS = {title: level for level, title in NUMBER.titles.items()}
_SPLITS = {"ID": "id", "OOD": "ood", "Test": "ood"}

Numbers = dict[tuple[str, ...], Published]


def methods() -> Numbers:
    """Return Tables 1 and 12 by modality, data set, split and method."""
    found: Numbers = {}
    for row in (*published_rows(_STUDY, "Table 1"), *published_rows(_STUDY, "Table 12")):
        if row.domain in _SPLITS and row.dataset in _DATASETS:
            dataset = _DATASETS[row.dataset]
            method = _level(METHOD, row.method)
            found[modality_of(dataset), dataset, _SPLITS[row.domain], method] = _number(row)
    return found


def method_averages() -> Numbers:
    """Return the averages of Table 1 by modality, data set and method."""
    found: Numbers = {}
    for row in published_rows(_STUDY, "Table 1"):
        if row.domain == "Avg" and row.dataset in _DATASETS:
            dataset = _DATASETS[row.dataset]
            assert dataset in CONFOUNDED
            found[modality_of(dataset), dataset, _level(METHOD, row.method)] = _number(row)
    return found


def table2() -> Numbers:
    """Return Table 2 by modality, number and method."""
    return _aggregates("Table 2", {t: level for level, t in METHOD.titles.items()})


def table3() -> Numbers:
    """Return the accuracies of Table 3 by modality, number and source."""
    names = {f"KnoBo [bottleneck={title}]": level for level, title in SOURCE.titles.items()}
    return _aggregates("Table 3", names)


def table5() -> Numbers:
    """Return Table 5 by modality, number and ablation."""
    return _aggregates("Table 5", {t: level for level, t in ABLATION.titles.items()})


def table10() -> Numbers:
    """Return Table 10 by modality, number and annotator."""
    names = {f"KnoBo annotator {title}": level for level, title in ANNOTATOR.titles.items()}
    return _aggregates("Table 10", names)


def table13() -> Numbers:
    """Return Table 13 by modality, number and reports per concept."""
    names = {f"KnoBo [reports_per_concept={n}]": n for n in REPORTS.levels}
    return _aggregates("Table 13", names)


def diversity() -> Numbers:
    """Return the diversities of Table 3 by modality, source and definition.

    Which definition they are of is not known: they stand beside both.
    """
    found: Numbers = {}
    for row in published_rows(_STUDY, "Table 3"):
        if row.metric == "concept_diversity":
            source = _level(SOURCE, row.method.removeprefix("KnoBo [bottleneck=").rstrip("]"))
            for definition in DEFINITION.levels:
                found[_MEANS[row.dataset], source, definition] = row.as_published()
    return found


def table9(metric: str) -> Numbers:
    """Return the cells of Table 9 by modality, data set and model.

    Args:
        metric: ``zero_shot_accuracy`` or ``linear_probe_accuracy``.
    """
    return {
        (modality_of(_DATASETS[row.dataset]), _DATASETS[row.dataset], level): _number(row)
        for level, row in _of_models(metric)
        if row.dataset in _DATASETS
    }


def table9_mean(metric: str) -> Numbers:
    """Return the averages of Table 9 by modality and model."""
    return {
        (_MEANS[row.dataset], level): _number(row)
        for level, row in _of_models(metric)
        if row.dataset in _MEANS
    }


def table11() -> Numbers:
    """Return the cells of Table 11 by modality, data set and network."""
    return {
        (modality_of(_DATASETS[row.dataset]), _DATASETS[row.dataset], level): _number(row)
        for level, row in _untrained()
        if row.dataset in _DATASETS
    }


def table11_mean() -> Numbers:
    """Return the averages of Table 11 by modality and network."""
    return {
        (_MEANS[row.dataset], level): _number(row)
        for level, row in _untrained()
        if row.dataset in _MEANS
    }


def _untrained() -> Iterator[tuple[str, PublishedRow]]:
    names = {title: level for level, title in UNTRAINED.titles.items()}
    for row in published_rows(_STUDY, "Table 11"):
        if row.method in names:
            yield names[row.method], row


def _of_models(metric: str) -> Iterator[tuple[str, PublishedRow]]:
    """Yield the rows of Table 9 with their level; those of the authors' CLIP have two.

    What is fine-tuned here repeats their fine-tuning, so their numbers stand beside both.
    """
    names: dict[str, tuple[str, ...]] = {title: (level,) for level, title in MODEL.titles.items()}
    for clip in ("WhyLesionCLIP", "WhyXrayCLIP"):
        names[clip] = ("released", "aligned_findings")
        names[f"{clip} no extraction"] = ("aligned_report",)
    for row in published_rows(_STUDY, "Table 9"):
        if row.metric == metric:
            for level in names.get(row.method, ()):
                # MedCLIP's texts are not read here.
                if not (level == "medclip" and metric == "zero_shot_accuracy"):
                    yield level, row


def _aggregates(table: str, names: Mapping[str, str]) -> Numbers:
    return {
        (_MEANS[row.dataset], _NUMBERS[row.domain], names[row.method]): _number(row)
        for row in published_rows(_STUDY, table)
        if row.domain in _NUMBERS
    }


def _level(factor: Factor, title: str) -> str:
    return next(level for level in factor.levels if factor.title(level) == title)


def _number(row: PublishedRow) -> Published:
    return replace(row.as_published(unit=_PERCENT), doubt=suspicion(row))
