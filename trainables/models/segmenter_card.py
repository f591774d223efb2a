"""What a card says about a segmentation network. No torch here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from trainables.config import BackboneRef
from trainables.models.card import TWIN, WeightsSource, find_source

SEGMENTERS = "trainables.models.segmenters"
"""Where the modules are that build segmenters."""

EXPORTED = "exported"
"""The tag of tensors that a user has exported from a checkpoint of the published code."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SegmenterCard:
    """One network from a picture, and mostly a text, to a mask.

    Args:
        image_size_px: side of the square input and of the mask it gives.
        mean, std: normalisation of an RGB picture in [0, 1].
        threshold: a pixel belongs to the mask where its probability is greater.
        reads_text: whether a prompt tells it what to look for.
        context_length: tokens of a prompt that are read, longer ones are cut; 0: it reads none.
        params_m: parameters in millions, with one class.
        module: what builds and loads it, see docs/models.md.
        frozen_encoders: only the decoder ever trains, so what the encoders make of a picture and of
            a text can be computed once.
        sizes: what tells this network from others of its module.
        sources: files of published weights that hold the whole network.
        parts: by tag, the cards of other kinds whose weights this network starts from; what is in
            none of them is drawn from the trial's seed. A tag that is also one of ``sources`` reads
            its file after them.
        ignored_keys: what a published file has and the network has not: exact names, or prefixes
            that end in a dot.
        package: what has to be installed besides, by its import name; empty: nothing.
        least_batch: pictures that a training batch needs; norms of single values cannot train.
        twin: card of the small stand-in; None for a twin.
    """

    name: str
    title: str
    image_size_px: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    threshold: float
    reads_text: bool
    context_length: int
    params_m: float
    module: str
    frozen_encoders: bool
    default_weights: str
    sizes: Mapping[str, Any] = field(default_factory=dict)
    sources: tuple[WeightsSource, ...] = ()
    parts: Mapping[str, tuple[BackboneRef, ...]] = field(default_factory=dict)
    ignored_keys: tuple[str, ...] = ()
    package: str = ""
    least_batch: int = 1
    twin: str | None = None
    interpolation: Literal["bilinear"] = "bilinear"

    @property
    def is_twin(self) -> bool:
        """Whether this is a small stand-in without published weights."""
        return self.twin is None

    @property
    def tags(self) -> tuple[str, ...]:
        """Every value ``BackboneRef.weights`` may have for this card."""
        named = dict.fromkeys([*(source.tag for source in self.sources), *self.parts])
        return tuple(named) or (TWIN,)

    def source(self, tag: str) -> WeightsSource | None:
        """Return the file of a tag; None where its weights come from other cards or are made here.

        Raises:
            WeightsError: the card has no such weights.
        """
        if tag in self.tags and all(source.tag != tag for source in self.sources):
            return None
        return find_source(self.name, self.sources, tag, self.tags)


def exported(prefix: str) -> WeightsSource:
    """Return the source of tensors exported from a checkpoint of the published code.

    Args:
        prefix: what their names start with there.
    """
    return WeightsSource(
        tag=EXPORTED,
        kind="file",
        origin="",
        filename="exported.safetensors",
        sha256=None,
        licence="yours",
        trained_on="what you fine-tuned it on",
        where="the 'state_dict' of a checkpoint of the published code, saved alone",
        authors_file="exported.pt",
        prefix=prefix,
    )
