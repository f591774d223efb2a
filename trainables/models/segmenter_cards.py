"""Every segmentation network the studies can name. No torch here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal

from trainables.config import BackboneRef
from trainables.errors import SelectionError, did_you_mean
from trainables.models.card import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    TWIN,
    WeightsSource,
    find_source,
)

_SEGMENTERS = "trainables.models.segmenters"


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


CLIPSEG = SegmenterCard(
    name="clipseg",
    title="CLIPSeg",
    image_size_px=352,
    mean=IMAGENET_MEAN,
    std=IMAGENET_STD,
    threshold=0.5,
    reads_text=True,
    context_length=77,
    params_m=150.7,
    module=f"{_SEGMENTERS}.clipseg",
    frozen_encoders=True,
    # The library's own patches are 32 px, and its upsampling is one step.
    sizes={
        "vision_config": {"patch_size": 16},
        "use_complex_transposed_convolution": True,
    },
    sources=(
        WeightsSource(
            tag="rd64_refined",
            kind="hub",
            origin="CIDAS/clipseg-rd64-refined",
            filename="model.safetensors",
            sha256=None,
            licence="Apache-2.0",
            trained_on="PhraseCut and negatives of it, on CLIP ViT-B/16 by OpenAI",
            where="CIDAS on the hub, under the names of transformers",
            authors_file="pytorch_model.bin",
        ),
    ),
    default_weights="rd64_refined",
    # Buffers that older versions of the library saved.
    ignored_keys=(
        "clip.text_model.embeddings.position_ids",
        "clip.vision_model.embeddings.position_ids",
    ),
    twin="clipseg_twin",
)

CLIPSEG_TWIN = replace(
    CLIPSEG,
    name="clipseg_twin",
    title="CLIPSeg (twin)",
    image_size_px=64,
    module=f"{_SEGMENTERS}.clipseg_twin",
    params_m=3.8,
    sizes={
        "vision_config": {
            "image_size": 64,
            "patch_size": 8,
            "hidden_size": 96,
            "intermediate_size": 384,
            "num_hidden_layers": 3,
            "num_attention_heads": 3,
        },
        "text_config": {
            "hidden_size": 64,
            "intermediate_size": 256,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
        },
        "projection_dim": 64,
        "reduce_dim": 32,
        "extract_layers": (0, 1, 2),
        "decoder_num_attention_heads": 2,
        "decoder_intermediate_size": 128,
    },
    sources=(),
    default_weights=TWIN,
    ignored_keys=(),
    twin=None,
)

SEGMENTER_CARDS: Mapping[str, SegmenterCard] = MappingProxyType(
    {card.name: card for card in (CLIPSEG, CLIPSEG_TWIN)}
)


def get_segmenter_card(name: str) -> SegmenterCard:
    """Return the card of a segmentation network.

    Raises:
        SelectionError: there is none of that name; the message lists the near ones.
    """
    if name not in SEGMENTER_CARDS:
        raise SelectionError(
            f"there is no segmenter '{name}'.{did_you_mean(name, SEGMENTER_CARDS)}"
        )
    return SEGMENTER_CARDS[name]
