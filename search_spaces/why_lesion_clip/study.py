"""The study: its tables and figures."""

from __future__ import annotations

from dataclasses import replace

from search_spaces.compare import Compare
from search_spaces.figures import FactorCurves
from search_spaces.study import Budget, Experiment, Study
from search_spaces.why_lesion_clip import concepts, published, recipes, trained
from search_spaces.why_lesion_clip.clips import MODEL, TEXT_MODEL, UNTRAINED
from search_spaces.why_lesion_clip.deviations import DEVIATIONS
from search_spaces.why_lesion_clip.followed import DERIVED, FIGURES
from search_spaces.why_lesion_clip.grid import (
    ABLATION,
    ANNOTATOR,
    CAPTIONS,
    DATASET,
    DEFINITION,
    METHOD,
    MODALITY,
    ORIGIN,
    OWN_METHOD,
    PROBED_DATASET,
    PROBED_MODALITY,
    READER,
    REPORTS,
    SHOTS,
    SIZE,
    SOURCE,
    SPLIT,
    UNCONFOUNDED_DATASET,
    XRAY,
)
from search_spaces.why_lesion_clip.scaled import scaled

# The paper has single runs.
BUDGET = Budget(search_trials=12, replicates=3, grace_steps=10)
FIVE = replace(BUDGET, replicates=5)
TRAINED = replace(BUDGET, search_trials=8, grace_steps=3)
PLACES = (MODALITY, DATASET, SPLIT)

STUDY = Study(
    name="why_lesion_clip",
    title="WhyLesionCLIP and KnoBo: knowledge against domain shifts in medical images",
    paper="Yang, Gandhi, Wang, Wu, Yao, Callison-Burch, Gee, Yatskar. A Textbook Remedy for Domain "
    "Shifts: Knowledge Priors for Medical Image Analysis. NeurIPS 2024, arXiv 2405.14839.",
    scaled=scaled,
    deviations=DEVIATIONS,
    experiments=(
        Experiment(
            name="methods",
            compare=Compare(levels="method", over="dataset"),
            title="Accuracy in and out of the domain (Tables 1 and 12)",
            factors=(*PLACES, METHOD),
            configure=recipes.by_split(recipes.method),
            published=published.methods(),
            budget=BUDGET,
            columns=("method",),
        ),
        Experiment(
            name="ablations",
            title="KnoBo without grounding functions, and without prior (cells of Table 5)",
            factors=(*PLACES, ABLATION),
            configure=recipes.by_split(recipes.without_parts),
            budget=BUDGET,
            columns=("ablation",),
        ),
        Experiment(
            name="sources",
            title="KnoBo with concepts of five sources (cells of Table 3)",
            factors=(*PLACES, SOURCE),
            configure=recipes.by_split(concepts.knobo),
            budget=BUDGET,
            columns=("source",),
        ),
        Experiment(
            name="annotators",
            title="KnoBo with reports annotated by two language models (cells of Table 10)",
            factors=(*PLACES, ANNOTATOR),
            configure=recipes.by_split(concepts.knobo),
            budget=BUDGET,
            columns=("annotator",),
        ),
        Experiment(
            name="reports",
            title="KnoBo by reports annotated per concept (cells of Table 13)",
            factors=(XRAY, DATASET, SPLIT, REPORTS),
            configure=recipes.by_split(concepts.knobo),
            budget=BUDGET,
            columns=("reports",),
        ),
        Experiment(
            name="size",
            title="Accuracy by concepts, or columns of the feature, drawn at random (Figures 4, 6)",
            factors=(*PLACES, READER, SIZE),
            configure=recipes.by_split(recipes.of_size),
            budget=FIVE,
            columns=("size",),
            figures=(
                FactorCurves(
                    name="size",
                    title="Accuracy by size of the bottleneck",
                    x="size",
                    lines="reader",
                    panels=("dataset",),
                ),
            ),
        ),
        Experiment(
            name="few_shots",
            title="Linear probe on a few pictures per class (in the released code only)",
            factors=(*PLACES, SHOTS),
            configure=recipes.by_split(recipes.few_shots),
            budget=FIVE,
            columns=("shots",),
            figures=(
                FactorCurves(
                    name="shots",
                    title="Accuracy by training pictures per class",
                    x="shots",
                    lines="split",
                    panels=("dataset",),
                    log_x=True,
                ),
            ),
        ),
        Experiment(
            name="zero_shot",
            title="Zero-shot accuracy (Table 9)",
            factors=(MODALITY, UNCONFOUNDED_DATASET, TEXT_MODEL),
            configure=recipes.zero_shot,
            published=published.table9("zero_shot_accuracy"),
            budget=Budget(replicates=1),
            columns=("dataset",),
        ),
        Experiment(
            name="probe",
            title="Accuracy of a linear probe (Table 9)",
            factors=(MODALITY, UNCONFOUNDED_DATASET, MODEL),
            configure=recipes.probe,
            published=published.table9("linear_probe_accuracy"),
            budget=BUDGET,
            columns=("dataset",),
        ),
        Experiment(
            name="untrained",
            title="Accuracy of a linear probe of what nobody trained (Table 11)",
            factors=(PROBED_MODALITY, PROBED_DATASET, UNTRAINED),
            configure=recipes.untrained,
            published=published.table11(),
            budget=FIVE,
            columns=("dataset",),
        ),
        Experiment(
            name="own_clip",
            title="Accuracy in and out of the domain on the CLIP that is fine-tuned here",
            factors=(*PLACES, OWN_METHOD),
            configure=recipes.by_split(recipes.own_clip),
            budget=BUDGET,
            columns=("method",),
        ),
        Experiment(
            name="diversity",
            title="Mean distance of the concepts of a source (Table 3)",
            factors=(MODALITY, SOURCE, DEFINITION),
            configure=concepts.diversity,
            published=published.diversity(),
            budget=Budget(replicates=1),
            columns=("definition",),
        ),
        Experiment(
            name="align",
            title="Contrastive loss of CLIP fine-tuned on the corpus, on held-out pairs",
            factors=(MODALITY, CAPTIONS),
            configure=trained.aligned,
            # What several cells stand on is one network.
            budget=replace(TRAINED, replicates=1),
            columns=("captions",),
        ),
        Experiment(
            name="lsl",
            title="Loss of language-shaped learning on held-out pictures",
            factors=(MODALITY,),
            configure=trained.shaped,
            budget=replace(TRAINED, replicates=1),
            columns=("modality",),
        ),
        Experiment(
            name="grounding",
            title="Mean accuracy of grounding functions on held-out pictures",
            factors=(MODALITY, ORIGIN, ANNOTATOR, REPORTS, SOURCE),
            configure=concepts.grounded,
            budget=Budget(search_trials=8, replicates=1),
            columns=("source",),
        ),
    ),
    derived=DERIVED,
    figures=FIGURES,
)
