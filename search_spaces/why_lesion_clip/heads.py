"""What is fitted to frozen features and knows nothing of concepts: probes and prompts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from search_spaces.space import FloatRange, Space
from search_spaces.study import CellRef, Objective, Recipe
from search_spaces.why_lesion_clip.clips import Clip
from search_spaces.why_lesion_clip.grid import TEST
from trainables import probe, zero_shot
from trainables.config import BackboneRef, DataRef

ACCURACY = Objective(metric="val/accuracy")
COLUMNS = 768
"""The released code draws so many columns of any feature, and permutes those of CLIP."""

CORPUS = {"skin": "isic_findings", "xray": "mimic_findings"}
"""Pictures with texts: what CLIP is fine-tuned on and concepts are learned from."""

TEMPLATES = {
    "skin": ("a dermoscopic picture of {}", "a skin lesion: {}", "{}"),
    "xray": ("a chest radiograph that shows {}", "a radiograph: {}", "{}"),
}
"""Ours: the paper's prompts, written by GPT-4, are not published."""

HEAD_RATE = FloatRange(low=1e-4, high=1e-2, log=True)
HEAD_SPACE: Space = {"training.lr": HEAD_RATE}


def probed(backbone: BackboneRef, dataset: str, clip: CellRef | None = None) -> Recipe:
    """Return the probe of section 5.

    Args:
        clip: the cell whose towers are read in the place of the backbone's own weights.
    """
    config = probe.Config(
        backbone=backbone,
        data=DataRef(name=dataset),
        resize="center_crop",
        fit="paper",
        columns=COLUMNS,
    )
    return head(config, {} if clip is None else {"clip": clip})


def prompted(clip: Clip, modality: str, dataset: str, towers: CellRef | None = None) -> Recipe:
    """Return zero-shot classification by the ensembled prompts of every class."""
    config = zero_shot.Config(
        backbone=clip.backbone,
        text=clip.text_encoder,
        data=DataRef(name=dataset),
        resize="center_crop",
        templates=TEMPLATES[modality],
    )
    return Recipe(
        config=config,
        objective=ACCURACY,
        metric=TEST,
        needs={} if towers is None else {"clip": towers},
    )


def fine_tuned(modality: str, captions: str = "findings") -> CellRef:
    """Return the cell that fine-tunes CLIP on the corpus of a modality."""
    return CellRef.of("align", {"modality": modality, "captions": captions})


def head(config: Any, needs: Mapping[str, CellRef]) -> Recipe:
    """Return the recipe of a layer that is trained for some epochs."""
    return Recipe(
        config=config,
        objective=ACCURACY,
        metric=TEST,
        space=HEAD_SPACE,
        steps=config.training.epochs,
        needs=needs,
    )
