"""Tables and figures that follow from the cells: the paper's averages, and gaps between domains."""

from __future__ import annotations

from dataclasses import replace

from search_spaces.derived import Derived
from search_spaces.figures import DerivedBars
from search_spaces.study import Factor
from search_spaces.why_lesion_clip import derived, published
from search_spaces.why_lesion_clip.clips import MODEL, TEXT_MODEL, UNTRAINED
from search_spaces.why_lesion_clip.derived import NUMBER
from search_spaces.why_lesion_clip.grid import (
    ABLATION,
    ANNOTATOR,
    CONFOUNDED_DATASET,
    METHOD,
    MODALITY,
    OWN_METHOD,
    PROBED_MODALITY,
    READER,
    REPORTS,
    SIZE,
    SOURCE,
    XRAY,
)


def _averages(
    name: str,
    title: str,
    experiment: str,
    rows: tuple[Factor, ...],
    numbers: published.Numbers,
    modality: Factor = MODALITY,
) -> Derived:
    return Derived(
        name=name,
        title=title,
        experiment=experiment,
        factors=(modality, NUMBER, *rows),
        columns=("number",),
        compute=derived.aggregates,
        published=numbers,
        value_name="accuracy, or difference of accuracies",
    )


def _gap_closed(name: str, experiment: str, method: Factor) -> Derived:
    others = tuple(level for level in method.levels if level != "linear_probe")
    return Derived(
        name=name,
        title="By how much the gap between domains is smaller than the linear probe's",
        experiment=experiment,
        factors=(MODALITY, replace(method, levels=others)),
        columns=("modality",),
        compute=derived.gap_closed,
        value_name="gap of the probe - gap",
    )


def _plain_mean(
    name: str,
    title: str,
    experiment: str,
    rows: Factor,
    numbers: published.Numbers,
    modality: Factor = MODALITY,
) -> Derived:
    return Derived(
        name=name,
        title=title,
        experiment=experiment,
        factors=(modality, rows),
        columns=("modality",),
        compute=derived.unconfounded_mean,
        published=numbers,
        value_name="accuracy",
    )


DERIVED = (
    Derived(
        name="table1_average",
        title="Mean of the accuracies in and out of the domain (Table 1)",
        experiment="methods",
        factors=(MODALITY, CONFOUNDED_DATASET, METHOD),
        columns=("method",),
        compute=derived.averages,
        published=published.method_averages(),
        value_name="accuracy",
    ),
    Derived(
        name="gap",
        title="Difference of the accuracies in and out of the domain",
        experiment="methods",
        factors=(MODALITY, CONFOUNDED_DATASET, METHOD),
        columns=("method",),
        compute=derived.gaps,
        value_name="|ID - OOD|",
    ),
    _averages(
        "table2", "Averages over data sets (Table 2)", "methods", (METHOD,), published.table2()
    ),
    _gap_closed("gap_closed", "methods", METHOD),
    _averages("table3", "Sources of knowledge (Table 3)", "sources", (SOURCE,), published.table3()),
    _averages("table5", "Ablations (Table 5)", "ablations", (ABLATION,), published.table5()),
    _averages("table10", "Annotators (Table 10)", "annotators", (ANNOTATOR,), published.table10()),
    _averages(
        "table13",
        "Reports per concept (Table 13)",
        "reports",
        (REPORTS,),
        published.table13(),
        modality=XRAY,
    ),
    _averages("size_average", "Averages by size of the bottleneck", "size", (READER, SIZE), {}),
    _averages("own_average", "Averages on our CLIP", "own_clip", (OWN_METHOD,), {}),
    _gap_closed("own_gap_closed", "own_clip", OWN_METHOD),
    _plain_mean(
        "zero_shot_mean",
        "Mean over data sets, zero-shot (Table 9)",
        "zero_shot",
        TEXT_MODEL,
        published.table9_mean("zero_shot_accuracy"),
    ),
    _plain_mean(
        "probe_mean",
        "Mean over data sets, linear probe (Table 9)",
        "probe",
        MODEL,
        published.table9_mean("linear_probe_accuracy"),
    ),
    _plain_mean(
        "untrained_mean",
        "Mean over data sets, what nobody trained (Table 11)",
        "untrained",
        UNTRAINED,
        published.table11_mean(),
        modality=PROBED_MODALITY,
    ),
)


def _bars(number: str, title: str) -> DerivedBars:
    return DerivedBars(
        name=f"bars_{number}",
        title=title,
        table="table2",
        bars="method",
        colours="modality",
        where={"number": number},
    )


FIGURES = (
    _bars("gap", "Gap between domains by method"),
    _bars("ood", "Accuracy out of the domain by method"),
    *(
        DerivedBars(
            name=f"bars_size_{modality}",
            title="Mean accuracy in and out of the domain by size of the bottleneck",
            table="size_average",
            bars="size",
            colours="reader",
            where={"modality": modality, "number": "avg"},
        )
        for modality in MODALITY.levels
    ),
)
