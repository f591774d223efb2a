"""CLIPSeg (Lueddecke & Ecker, CVPR 2022): frozen CLIP and a small decoder that a text conditions.

Axes: n pictures, c channels, h rows, w columns, l tokens of a text, t tokens of a picture, d width.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import CLIPSegConfig, CLIPSegForImageSegmentation

from trainables.models.card import WeightsSource
from trainables.models.checkpoints import load_strictly, read_published
from trainables.models.segmenter_card import SegmenterCard
from trainables.models.segmenters.blueprint import Blueprint
from trainables.models.segmenters.clip_tokens import END_OF_TEXT, clip_tokens
from trainables.models.segmenters.segmenter import DecodingSegmenter, TextTokens

# The class of the pinned library pools a text where its end token is, which it has to be told.
_SPECIAL = {
    "bos_token_id": END_OF_TEXT - 1,
    "eos_token_id": END_OF_TEXT,
    "pad_token_id": END_OF_TEXT,
}


class ClipSeg(DecodingSegmenter):
    """The library's CLIPSeg; only its decoder learns.

    The published fine-tuning asks for trainable encoders and does not get them: the library runs
    both without gradients.
    """

    clipseg: Any  # the library publishes no types

    def __init__(self, card: SegmenterCard) -> None:
        super().__init__(card)
        self.clipseg = CLIPSegForImageSegmentation(clipseg_config(card))
        self.clipseg.clip.requires_grad_(False)

    def tokenize(self, texts: Sequence[str]) -> TextTokens:
        """Return CLIP's tokens of each text, as many as the longest has.

        Nothing behind the end of a text is seen from there, where it is read.
        """
        return clip_tokens(texts, self.card.context_length).cut()

    @torch.no_grad()
    def encode_image(self, pixels_nchw: Tensor) -> tuple[Tensor, ...]:
        """Return the outputs of three blocks, shallow first, each (n, t + 1, d)."""
        return self.look(pixels_nchw)

    @torch.no_grad()
    def encode_text(self, tokens: TextTokens) -> Tensor:
        """Return the projected state of the end token, not normalised, (n, d)."""
        return self.read(tokens)

    def look(self, pixels_nchw: Tensor) -> tuple[Tensor, ...]:
        """As :meth:`encode_image`, with gradients."""
        seen = self.clipseg.clip.vision_model(
            pixels_nchw, interpolate_pos_encoding=True, output_hidden_states=True
        )
        # Entry 0 is what goes into block 0.
        return tuple(seen.hidden_states[block + 1] for block in self.clipseg.extract_layers)

    def read(self, tokens: TextTokens) -> Tensor:
        """As :meth:`encode_text`, with gradients."""
        found = self.clipseg.clip.get_text_features(tokens.ids_nl, tokens.mask_nl)
        condition_nd: Tensor = found.pooler_output
        return condition_nd

    def decode(self, activations: Sequence[Tensor], condition_nd: Tensor) -> Tensor:
        """Return the logits of one mask per picture, (n, 1, h, w)."""
        logits_nhw: Tensor = self.clipseg.decoder(tuple(activations), condition_nd).logits
        return logits_nhw[:, None]


def clipseg_config(card: SegmenterCard) -> CLIPSegConfig:
    """Return the library's description of a CLIPSeg, or of a decoder of its kind."""
    sizes = dict(card.sizes)
    text = {**_SPECIAL, **sizes.pop("text_config", {})}
    config = CLIPSegConfig(text_config=text, **sizes)
    # Set on the part too: the decoder takes its settings of attention from there.
    for part in (config, config.vision_config, config.text_config):
        part._attn_implementation = "sdpa"
    return config


def build(blueprint: Blueprint) -> ClipSeg:
    """Build the network with random weights."""
    return ClipSeg(blueprint.card)


def load(segmenter: ClipSeg, source: WeightsSource, path: Path) -> None:
    """Load published weights strictly.

    Raises:
        WeightsError: the file does not fit the network.
    """
    load_strictly(segmenter.clipseg, read_published(path, source), segmenter.card, path)
