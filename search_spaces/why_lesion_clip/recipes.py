"""What one place of each table runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType

from search_spaces.study import CellRef, Levels, Recipe
from search_spaces.why_lesion_clip import concepts, heads, trained
from search_spaces.why_lesion_clip.clips import ALIGNED_MODELS, BASE, RELEASED, network
from search_spaces.why_lesion_clip.grid import METRICS, belongs
from trainables.config import BackboneRef
from trainables.models.card import RANDOM

Configure = Callable[[Levels], Recipe | None]


def by_split(configure: Callable[[Levels], Recipe]) -> Configure:
    """Return a function for places of a data set and a split, whose two splits are one run."""
    made: dict[tuple[str, ...], Recipe] = {}

    def configured(levels: Levels) -> Recipe | None:
        if not belongs(levels):
            return None
        others = tuple(level for name, level in levels.items() if name != "split")
        if others not in made:
            made[others] = configure(levels)
        return replace(made[others], metric=METRICS[levels["split"]])

    return configured


def method(levels: Levels) -> Recipe:
    """Tables 1, 2 and 12."""
    return _METHODS[levels["method"]](levels)


def without_parts(levels: Levels) -> Recipe:
    """Table 5."""
    return _ABLATIONS[levels["ablation"]](levels)


def own_clip(levels: Levels) -> Recipe:
    """The methods of Table 1 on the CLIP that is fine-tuned here."""
    modality, aligned = levels["modality"], {**levels, "origin": concepts.ALIGNED}
    if levels["method"] == "linear_probe":
        return heads.probed(BASE.backbone, levels["dataset"], heads.fine_tuned(modality))
    return concepts.knobo(aligned)


def of_size(levels: Levels) -> Recipe:
    """Figures 4 and 6: as many concepts, or columns of the feature, drawn at random."""
    size = int(levels["size"])
    if levels["reader"] == "knobo":
        return concepts.knobo(levels, concepts=size, choice="random")
    recipe = _linear_probe(levels)
    return replace(recipe, config=replace(recipe.config, columns=size))


def few_shots(levels: Levels) -> Recipe:
    """As many training pictures per class: an option of the released code without numbers."""
    recipe = _linear_probe(levels)
    return replace(recipe, config=replace(recipe.config, shots=int(levels["shots"])))


def zero_shot(levels: Levels) -> Recipe | None:
    """Table 9, zero-shot."""
    if not belongs(levels):
        return None
    modality, model, dataset = (levels[name] for name in ("modality", "model", "dataset"))
    if model in ALIGNED_MODELS:
        towers = heads.fine_tuned(modality, ALIGNED_MODELS[model])
        return heads.prompted(BASE, modality, dataset, towers)
    return heads.prompted(network(model, modality), modality, dataset)


def probe(levels: Levels) -> Recipe | None:
    """Table 9, linear probe."""
    if not belongs(levels):
        return None
    modality, model, dataset = (levels[name] for name in ("modality", "model", "dataset"))
    if model in ALIGNED_MODELS:
        towers = heads.fine_tuned(modality, ALIGNED_MODELS[model])
        return heads.probed(BASE.backbone, dataset, towers)
    recipe = heads.probed(network(model, modality).backbone, dataset)
    if model == "medclip":
        return replace(recipe, config=replace(recipe.config, resize="pad"))
    return recipe


def untrained(levels: Levels) -> Recipe | None:
    """Table 11."""
    if not belongs(levels):
        return None
    card = levels["network"]
    recipe = heads.probed(BackboneRef(card=card, weights=RANDOM), levels["dataset"])
    config = replace(recipe.config, resize="squash") if card.startswith("pixels") else recipe.config
    # The paper takes the first 768 of 784 values, the released code draws them.
    choice = "first" if card == "pixels" else "random"
    return replace(
        recipe,
        config=replace(config, column_choice=choice),
        # Everyday pictures are no part of anything else, and have no twins.
        optional_data=levels["modality"] == "natural",
    )


def _linear_probe(levels: Levels) -> Recipe:
    return heads.probed(RELEASED[levels["modality"]].backbone, levels["dataset"])


def _language_shaped(levels: Levels) -> Recipe:
    shaped = CellRef.of("lsl", {"modality": levels["modality"]})
    return heads.probed(RELEASED[levels["modality"]].backbone, levels["dataset"], shaped)


_METHODS: Mapping[str, Callable[[Levels], Recipe]] = MappingProxyType(
    {
        "vit_l14": trained.vit,
        "densenet": trained.densenet,
        "linear_probe": _linear_probe,
        "lsl": _language_shaped,
        "labo": concepts.language_in_a_bottle,
        "pcbm_h": partial(concepts.pcbm_h, sequential=False),
        "pcbm_h_sequential": partial(concepts.pcbm_h, sequential=True),
        "knobo": concepts.knobo,
    }
)
_ABLATIONS: Mapping[str, Callable[[Levels], Recipe]] = MappingProxyType(
    {
        "knobo": concepts.knobo,
        # Whether the published row kept the prior is not known: here it does.
        "without_grounding": partial(concepts.knobo, scores="text"),
        "without_prior": partial(concepts.knobo, prior_weight=0.0),
    }
)
