"""Trainables by name: adding one is adding a line here. Loading one imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Protocol, cast

from trainables.config import from_mapping
from trainables.context import Context
from trainables.errors import SelectionError, did_you_mean
from trainables.outside import import_outside, is_outside

TRAINABLES: Mapping[str, str] = MappingProxyType(
    {
        "align": "trainables.align",
        "bottleneck": "trainables.bottleneck",
        "classify": "trainables.classify",
        "concept_diversity": "trainables.concept_diversity",
        "data_distance": "trainables.data_distance",
        "embedding_knn": "trainables.embedding_knn",
        "embedding_similarity": "trainables.embedding_similarity",
        "generalise": "trainables.generalise",
        "grounding": "trainables.grounding",
        "knn": "trainables.knn",
        "labo": "trainables.labo",
        "layer_knn": "trainables.layer_knn",
        "layer_reinit": "trainables.layer_reinit",
        "layer_similarity": "trainables.layer_similarity",
        "lsl": "trainables.lsl",
        "probe": "trainables.probe",
        "segment": "trainables.segment",
        "segment_transfer": "trainables.segment_transfer",
        "segment_zero_shot": "trainables.segment_zero_shot",
        "weight_change": "trainables.weight_change",
        "zero_shot": "trainables.zero_shot",
    }
)


class Trainable(Protocol):
    """What a trainable's module offers."""

    Config: type[Any]
    """Frozen dataclass with the class variables ``trainable`` and ``version``."""

    def run(self, config: Any, context: Context) -> dict[str, float]:
        """Do one trial and return its final metrics, empty for a search trial."""
        ...


def load_trainable(name: str) -> Trainable:
    """Return the module of a trainable, by name or by its dotted name if it lives elsewhere.

    Raises:
        SelectionError: there is none of that name.
    """
    module = TRAINABLES.get(name, name if is_outside(name) else None)
    if module is None:
        raise SelectionError(f"there is no trainable '{name}'.{did_you_mean(name, TRAINABLES)}")
    nothing = SelectionError(f"there is no trainable '{name}': check the name and PYTHONPATH")
    return cast(Trainable, import_outside(module, nothing))


def config_from(name: str, values: Mapping[str, Any]) -> Any:
    """Rebuild a trainable's config from its canonical form.

    Raises:
        SelectionError: there is no such trainable.
        ConfigError: the values are not a config of it.
    """
    return from_mapping(load_trainable(name).Config, values)
