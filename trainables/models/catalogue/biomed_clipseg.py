"""CLIPSeg's decoder on BiomedCLIP (Poudel et al., MIDL 2024), and its twins.

BiomedCLIPSeg draws the decoder, BiomedCLIPSeg-D takes CLIPSeg's.
"""

from __future__ import annotations

from dataclasses import replace

from trainables.config import BackboneRef
from trainables.models.card import TWIN
from trainables.models.catalogue.clip import CLIP_MEAN, CLIP_STD
from trainables.models.catalogue.clipseg import CLIPSEG, CLIPSEG_TWIN
from trainables.models.segmenter_card import EXPORTED, SEGMENTERS, SegmenterCard, exported

_PMC = "pmc15m"
_TOWERS = (
    BackboneRef(card="biomed_clip", weights=_PMC),
    BackboneRef(card="biomed_clip_text", weights=_PMC),
)
_TWIN_TOWERS = (
    BackboneRef(card="biomed_clip_twin", weights=TWIN),
    BackboneRef(card="biomed_clip_text_twin", weights=TWIN),
)

BIOMED_CLIPSEG = SegmenterCard(
    name="biomed_clipseg",
    title="BiomedCLIPSeg",
    image_size_px=224,
    mean=CLIP_MEAN,
    std=CLIP_STD,
    threshold=0.5,
    reads_text=True,
    context_length=256,
    params_m=197.0,
    module=f"{SEGMENTERS}.biomed_clipseg",
    frozen_encoders=True,
    # Both are said to read layers 3, 6 and 9. CLIPSeg counts what goes into the first block, and
    # this one does not: it reads the outputs of blocks 4, 7 and 10.
    sizes={**CLIPSEG.sizes, "extract_layers": (4, 7, 10)},
    sources=(exported("net."),),
    parts={_PMC: _TOWERS, EXPORTED: _TOWERS},
    default_weights=_PMC,
    # Of the tower's own pooling and temperature, which nothing here reads.
    ignored_keys=(
        "biomedclip.logit_scale",
        "biomedclip.text.transformer.embeddings.position_ids",
        "biomedclip.text.transformer.pooler.",
    ),
    twin="biomed_clipseg_twin",
)

_RD64 = f"{_PMC}_rd64_refined"

BIOMED_CLIPSEG_D = replace(
    BIOMED_CLIPSEG,
    name="biomed_clipseg_d",
    title="BiomedCLIPSeg-D",
    parts={
        _RD64: (*_TOWERS, BackboneRef(card="clipseg", weights=CLIPSEG.default_weights)),
        EXPORTED: _TOWERS,
    },
    default_weights=_RD64,
    twin="biomed_clipseg_d_twin",
)

BIOMED_CLIPSEG_TWIN = replace(
    BIOMED_CLIPSEG,
    name="biomed_clipseg_twin",
    title="BiomedCLIPSeg (twin)",
    image_size_px=64,
    context_length=128,
    params_m=0.6,
    sizes=CLIPSEG_TWIN.sizes,
    sources=(),
    parts={TWIN: _TWIN_TOWERS},
    default_weights=TWIN,
    ignored_keys=(),
    twin=None,
)

BIOMED_CLIPSEG_D_TWIN = replace(
    BIOMED_CLIPSEG_TWIN,
    name="biomed_clipseg_d_twin",
    title="BiomedCLIPSeg-D (twin)",
    parts={TWIN: (*_TWIN_TOWERS, BackboneRef(card="clipseg_twin", weights=TWIN))},
)

CARDS = (BIOMED_CLIPSEG, BIOMED_CLIPSEG_D, BIOMED_CLIPSEG_TWIN, BIOMED_CLIPSEG_D_TWIN)
