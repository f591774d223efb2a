"""Teach the twin of CLIPSeg: its encoders first, then, with these frozen, its decoder.

Axes: n pictures, t places row by row, d width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from trainables.models.segmenter_card import SegmenterCard
from trainables.models.segmenters.clipseg import ClipSeg, build, load
from trainables.models.segmenters.lessons import Lessons

__all__ = ["build", "learn", "load"]

_BATCH = 50
_QUIET = 0.2
"""Of what is added to the residual stream of the decoder at first."""


def learn(card: SegmenterCard, lessons: Lessons) -> dict[str, Tensor]:
    """Build the twin, teach it, and return its tensors under the names of the published file."""
    segmenter = ClipSeg(card)
    _spread(segmenter)
    clip = segmenter.clipseg.clip.requires_grad_(True)
    # The table of words stays: it is most of the parameters, and its draw tells words apart.
    clip.text_model.embeddings.token_embedding.requires_grad_(False)
    read = [p for p in clip.text_model.parameters() if p.requires_grad]
    lessons.words(
        lambda texts: segmenter.read(segmenter.tokenize(texts)),
        [*read, *clip.text_projection.parameters()],
    )
    lessons.places(lambda x_nchw: segmenter.look(x_nchw)[-1][:, 1:], clip.vision_model.parameters())
    clip.requires_grad_(False)
    _teach_decoder(segmenter, lessons)
    state: dict[str, Tensor] = segmenter.clipseg.state_dict()
    return state


def _teach_decoder(segmenter: ClipSeg, lessons: Lessons) -> None:
    activations, conditions = _encoded(segmenter, lessons)
    decoder = segmenter.clipseg.decoder
    deepest = decoder.reduces[0]
    score = nn.Linear(deepest.out_features, 1)

    def match(rows: Tensor, which: int) -> Tensor:
        condition_n1d = conditions[which][rows][:, None]
        places_ntd = deepest(activations[-1][rows][:, 1:])
        places_ntd = decoder.film_mul(condition_n1d) * places_ntd + decoder.film_add(condition_n1d)
        scores_nt: Tensor = score(places_ntd)[..., 0]
        return scores_nt

    conditioned = (decoder.film_mul, decoder.film_add, deepest, score)
    lessons.matching(match, [p for module in conditioned for p in module.parameters()])
    lessons.masks(
        lambda rows, which: segmenter.decode(
            [part[rows] for part in activations], conditions[which][rows]
        ),
        decoder.parameters(),
    )


def _encoded(segmenter: ClipSeg, lessons: Lessons) -> tuple[list[Tensor], list[Tensor]]:
    """Return what the encoders make of all pictures, and of each round of sentences."""
    parts = [segmenter.encode_image(x_nchw) for x_nchw in torch.split(lessons.x_nchw, _BATCH)]
    conditions = [
        segmenter.encode_text(segmenter.tokenize(sentences.texts))
        for sentences in lessons.sentences
    ]
    return [torch.cat(of_one_block) for of_one_block in zip(*parts, strict=True)], conditions


def _spread(segmenter: ClipSeg) -> None:
    """Draw weights anew so that layers as narrow as a twin's pass on what they get.

    The decoder starts close to passing on the deepest activation, so that it is conditioned from
    the first step.
    """
    clip, decoder = segmenter.clipseg.clip, segmenter.clipseg.decoder
    for module in segmenter.modules():
        if isinstance(module, nn.Linear):
            sd = module.in_features**-0.5
            nn.init.trunc_normal_(module.weight, std=sd, a=-2 * sd, b=2 * sd)
    patches = clip.vision_model.embeddings.patch_embedding.weight
    nn.init.normal_(patches, std=patches[0].numel() ** -0.5)
    nn.init.normal_(clip.vision_model.embeddings.position_embedding.weight, std=0.3)
    nn.init.normal_(clip.text_model.embeddings.token_embedding.weight, std=0.3)
    nn.init.normal_(clip.text_model.embeddings.position_embedding.weight, std=0.1)
    nn.init.ones_(decoder.film_mul.bias)
    with torch.no_grad():
        for layer in decoder.layers:
            layer.self_attn.out_proj.weight.mul_(_QUIET)
            layer.mlp.fc2.weight.mul_(_QUIET)
