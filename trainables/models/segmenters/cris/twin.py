"""Teach the twin of CRIS: its words, what its maps show, and then the whole of it.

Axes: n pictures, c channels, h rows, w columns, t places row by row, d width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from trainables.models.segmenter_card import SegmenterCard
from trainables.models.segmenter_options import SegmenterOptions
from trainables.models.segmenters.cris.backbone import picture_maps, word_states
from trainables.models.segmenters.cris.network import Cris, build, load
from trainables.models.segmenters.lessons import Lessons

__all__ = ["build", "learn", "load"]

_QUIET = 0.1
"""Of what attention adds at first, so that a kernel made from the sentence meets the neck's map."""


def learn(card: SegmenterCard, lessons: Lessons) -> dict[str, Tensor]:
    """Build the twin, teach it, and return its tensors under the names of the published file."""
    cris = Cris(card, SegmenterOptions()).train()
    clip = cris.backbone
    _spread(cris)
    # The table of words stays: it is most of the parameters, and its draw tells words apart.
    clip.token_embedding.requires_grad_(False)
    tower = [p for part in (clip.transformer, clip.ln_final) for p in part.parameters()]
    text = [*tower, clip.positional_embedding, clip.text_projection]
    lessons.words(lambda texts: word_states(clip, cris.tokenize(texts).cut().ids_nl)[1], text)
    for parameter in text:
        parameter.requires_grad_(False)
    lessons.places(
        lambda x_nchw: _places(cris, x_nchw), [*clip.visual.parameters(), *cris.neck.parameters()]
    )
    tokens = [cris.tokenize(sentences.texts) for sentences in lessons.sentences]
    lessons.masks(
        lambda rows, which: cris(lessons.x_nchw[rows], tokens[which].rows(rows)),
        [p for p in cris.parameters() if p.requires_grad],
    )
    return cris.state_dict()


def _places(cris: Cris, x_nchw: Tensor) -> Tensor:
    """Return what the neck makes of pictures that no sentence goes with, (n, t, d)."""
    n, width = len(x_nchw), cris.backbone.text_projection.shape[1]
    map_nchw: Tensor = cris.neck(picture_maps(cris.backbone, x_nchw), torch.randn(n, width))
    return map_nchw.flatten(2).transpose(1, 2)


def _spread(cris: Cris) -> None:
    clip = cris.backbone
    nn.init.normal_(clip.token_embedding.weight, std=0.3)
    nn.init.normal_(clip.positional_embedding, std=0.1)
    for name, parameter in clip.named_parameters():
        if name.endswith("bn3.weight"):
            # CLIP starts its blocks as nothing, which takes longer than there is time.
            nn.init.ones_(parameter)
    for name, parameter in cris.decoder.named_parameters():
        if name.endswith("attn_norm.weight"):
            nn.init.constant_(parameter, _QUIET)
    # As one kernel per sentence it would start with scores in the hundreds.
    with torch.no_grad():
        cris.proj.txt.weight.mul_(_QUIET)
