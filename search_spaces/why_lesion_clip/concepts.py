"""What classifies by concepts and phrases: KnoBo and what it stands on, PCBM-h, LaBo."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from search_spaces.space import FloatRange, Space
from search_spaces.study import CellRef, Levels, Objective, Recipe
from search_spaces.why_lesion_clip.clips import BASE, RELEASED, Clip
from search_spaces.why_lesion_clip.grid import ALL_REPORTS
from search_spaces.why_lesion_clip.heads import (
    ACCURACY,
    COLUMNS,
    CORPUS,
    HEAD_RATE,
    fine_tuned,
    head,
)
from trainables import bottleneck, concept_diversity, grounding, labo
from trainables.config import DataRef
from trainables.head_training import HeadTraining
from trainables.knowledge import Knowledge

KNOBO_SPACE: Space = {
    "training.lr": HEAD_RATE,
    "prior_weight": FloatRange(low=0.01, high=100.0, log=True),
}
GROUNDING_SPACE: Space = {"inverse_l2": FloatRange(low=1e-3, high=1e3, log=True)}
ALIGNED = "aligned"
"""Level of ``origin`` of what reads the CLIP that is fine-tuned here."""

_PUBLISHED = {
    "origin": "released",
    "annotator": "flan_t5",
    "reports": ALL_REPORTS,
    "source": "PubMed",
}


def grounded(levels: Levels) -> Recipe | None:
    """Learn to tell concepts from features; one thing at a time is not as published."""
    modality = levels["modality"]
    changed = [name for name, level in _PUBLISHED.items() if levels[name] != level]
    if len(changed) > 1 or (changed == ["reports"] and modality == "skin"):
        return None
    clip, towers = _clip(levels)
    known = _knowledge(levels)
    config = grounding.Config(
        backbone=clip.backbone,
        data=DataRef(name=CORPUS[modality]),
        knowledge=known,
        resize="center_crop",
    )
    if known.reports is not None:
        least = max(1, config.least_held_out * known.reports // int(ALL_REPORTS))
        config = replace(config, least_held_out=least)
    return Recipe(
        config=config,
        objective=ACCURACY,
        metric="accuracy",
        space=GROUNDING_SPACE,
        needs=towers,
        # What GPT-4 said of the reports is not published.
        optional_data=known.annotator == "gpt4",
    )


def knobo(levels: Levels, **changes: Any) -> Recipe:
    """Return KnoBo as published, with changes of its config.

    Args:
        levels: of ``modality`` and ``dataset``; those of ``origin``, ``source``, ``annotator`` and
            ``reports`` where they are not as published.
    """
    clip, towers = _clip(levels)
    config = bottleneck.Config(
        backbone=clip.backbone,
        data=DataRef(name=levels["dataset"]),
        knowledge=_knowledge(levels),
        resize="center_crop",
    )
    chosen = {name: levels.get(name, level) for name, level in _PUBLISHED.items()}
    concepts = CellRef.of("grounding", {"modality": levels["modality"], **chosen})
    recipe = head(replace(config, **changes), {"grounding": concepts, **towers})
    return replace(recipe, space=KNOBO_SPACE) if recipe.config.prior_weight else recipe


def pcbm_h(levels: Levels, *, sequential: bool) -> Recipe:
    """Return PCBM-h: the layers trained jointly as KnoBo's code does, or one after the other."""
    changes: dict[str, Any] = {"scores": "text", "prior_weight": 0.0, "columns": COLUMNS}
    if not sequential:
        return knobo(levels, residual="joint", **changes)
    training = HeadTraining(epochs=20, lr=1e-2)
    return knobo(levels, residual="sequential", residual_l2=1e-3, training=training, **changes)


def language_in_a_bottle(levels: Levels) -> Recipe:
    """Return LaBo; the phrases it chooses from are not published, so it is left out without."""
    config = labo.Config(
        backbone=RELEASED[levels["modality"]].backbone,
        data=DataRef(name=levels["dataset"]),
        resize="center_crop",
    )
    return replace(head(config, {}), optional_data=True)


def diversity(levels: Levels) -> Recipe:
    """Measure how different the concepts of a source are."""
    asked: dict[str, Any] = {"subject": levels["modality"], "source": levels["source"]}
    released = levels["definition"] == "released"
    return Recipe(
        config=concept_diversity.Config(**asked),
        objective=Objective(metric="val/diversity"),
        metric="diversity_as_released" if released else "diversity",
    )


def _clip(levels: Levels) -> tuple[Clip, dict[str, CellRef]]:
    """Return whose features are read, and the cell that fine-tunes it, if one does."""
    modality = levels["modality"]
    if levels.get("origin") == ALIGNED:
        return BASE, {"clip": fine_tuned(modality)}
    return RELEASED[modality], {}


def _knowledge(levels: Levels) -> Knowledge:
    chosen: dict[str, Any] = {n: levels[n] for n in ("source", "annotator") if n in levels}
    reports = levels.get("reports", ALL_REPORTS)
    return Knowledge(**chosen, reports=None if reports == ALL_REPORTS else int(reports))
