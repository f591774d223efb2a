"""Which network stands behind a row: backbone cards by level of the tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from search_spaces.study import Factor
from trainables.config import BackboneRef
from trainables.models.cards import get_backbone_card
from trainables.models.text_cards import get_text_card


@dataclass(frozen=True, kw_only=True, slots=True)
class Clip:
    """A network of Table 9.

    Args:
        card: of the image tower.
        text: card of a text encoder that is not in the same file; None: it is.
    """

    card: str
    text: str | None = None

    @property
    def backbone(self) -> BackboneRef:
        """The image tower with its published weights."""
        return reference(self.card)

    @property
    def text_encoder(self) -> BackboneRef | None:
        """The text encoder, where it is in a file of its own."""
        if self.text is None:
            return None
        return BackboneRef(card=self.text, weights=get_text_card(self.text).default_weights)


BASE = Clip(card="openclip_vit_l14")
"""What WhyLesionCLIP and WhyXrayCLIP were fine-tuned from."""

RELEASED: Mapping[str, Clip] = {
    "skin": Clip(card="whylesionclip"),
    "xray": Clip(card="whyxrayclip"),
}
"""The authors' own weights by modality."""

DENSENET: Mapping[str, Clip] = {
    "skin": Clip(card="densenet121_skin"),
    "xray": Clip(card="densenet121_xray"),
}
"""DenseNet-121 by modality, which reads no texts."""

BASELINES: Mapping[str, Clip] = {
    "openai_clip": Clip(card="clip_vit_l14"),
    "openclip": BASE,
    "pubmed_clip": Clip(card="pubmed_clip"),
    "biomed_clip": Clip(card="biomed_clip", text="biomed_clip_text"),
    "pmc_clip": Clip(card="pmc_clip"),
}

MEDCLIP = Clip(card="medclip")
"""Only its image tower is here: versions of its code pool texts differently."""

_TEXTLESS = ("densenet", "medclip")

MODEL = Factor(
    name="model",
    levels=(*_TEXTLESS, *BASELINES, "released", "aligned_findings", "aligned_report"),
    titles={
        "densenet": "DenseNet",
        "medclip": "MedCLIP",
        "openai_clip": "OpenAI-CLIP",
        "openclip": "OpenCLIP",
        "pubmed_clip": "PubMedCLIP",
        "biomed_clip": "BioMedCLIP",
        "pmc_clip": "PMC-CLIP",
        "released": "WhyLesionCLIP / WhyXrayCLIP",
        "aligned_findings": "fine-tuned here",
        "aligned_report": "fine-tuned here, no extraction",
    },
)
TEXT_MODEL = replace(MODEL, levels=MODEL.levels[len(_TEXTLESS) :])
UNTRAINED = Factor(
    name="network",
    levels=("pixels", "pixels_released", "untrained_convnext_l", "untrained_vit_l14"),
    titles={
        "pixels": "Pixel Value",
        "pixels_released": "pixels as in the released code",
        "untrained_convnext_l": "ConvNext-L untrained",
        "untrained_vit_l14": "ViT-L/14 untrained",
    },
)
"""Networks of Table 11 by their cards."""

ALIGNED_MODELS = {"aligned_findings": "findings", "aligned_report": "report"}
"""Rows whose towers another cell of this study fine-tunes -> its level of ``captions``."""


def reference(card: str) -> BackboneRef:
    """Return a backbone with its published weights."""
    return BackboneRef(card=card, weights=get_backbone_card(card).default_weights)


def network(model: str, modality: str) -> Clip:
    """Return the network of a row whose weights are published."""
    if model == "medclip":
        return MEDCLIP
    by_modality = {"densenet": DENSENET, "released": RELEASED}
    return by_modality[model][modality] if model in by_modality else BASELINES[model]
