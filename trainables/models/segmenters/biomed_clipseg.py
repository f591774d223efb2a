"""CLIPSeg's decoder on frozen BiomedCLIP towers (Poudel et al., MIDL 2024).

Axes: n pictures, c channels, h rows, w columns, l tokens of a text, t tokens of a picture, d width.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers.models.clipseg.modeling_clipseg import CLIPSegDecoder

from trainables.models.backbone import Backbone
from trainables.models.card import WeightsSource
from trainables.models.checkpoints import load_strictly, read_published
from trainables.models.factory import create_backbone
from trainables.models.segmenter_card import SegmenterCard
from trainables.models.segmenter_options import SegmenterOptions
from trainables.models.segmenters.blueprint import Blueprint
from trainables.models.segmenters.clipseg import clipseg_config
from trainables.models.segmenters.factory import build_segmenter
from trainables.models.segmenters.segmenter import DecodingSegmenter, TextTokens
from trainables.models.text import SentenceEncoder, create_text_encoder


class BiomedClipSeg(DecodingSegmenter):
    """BiomedCLIP without gradients, and a decoder that learns.

    Args:
        image: whose transformer gives the activations.
        text: whose vectors, of any length, are the condition.
    """

    decoder: Any  # the library publishes no types

    def __init__(
        self,
        card: SegmenterCard,
        options: SegmenterOptions,
        image: Backbone,
        text: SentenceEncoder,
    ) -> None:
        super().__init__(card)
        self.biomedclip = nn.ModuleDict({"visual": image.trunk, "text": text.model})
        self.biomedclip.requires_grad_(False)
        self.decoder = CLIPSegDecoder(clipseg_config(card))
        self._text = text
        self._blocks = list(card.sizes["extract_layers"])
        self._still = not options.encoder_train_mode

    def train(self, mode: bool = True) -> BiomedClipSeg:
        """Switch modes; frozen towers follow only where the options say so."""
        super().train(mode)
        if self._still:
            self.biomedclip.eval()
        return self

    def tokenize(self, texts: Sequence[str]) -> TextTokens:
        """Return the BERT's tokens of each text, as many as the longest has."""
        tokens = self._text.tokens(texts)
        return TextTokens(ids_nl=tokens["input_ids"], mask_nl=tokens["attention_mask"])

    @torch.no_grad()
    def encode_image(self, pixels_nchw: Tensor) -> tuple[Tensor, ...]:
        """Return the outputs of three blocks before the final norm, shallow first: (n, t + 1, d).

        The published code runs in inference mode here, so that training without autocast fails.
        """
        vit: Any = self.biomedclip["visual"].trunk
        found = vit.forward_intermediates(
            pixels_nchw,
            indices=self._blocks,
            norm=False,
            output_fmt="NLC",
            return_prefix_tokens=True,
            intermediates_only=True,
        )
        return tuple(torch.cat([prefix_n1d, grid_ntd], dim=1) for grid_ntd, prefix_n1d in found)

    @torch.no_grad()
    def encode_text(self, tokens: TextTokens) -> Tensor:
        """Return the projected first token, not normalised, (n, d)."""
        condition_nd: Tensor = self.biomedclip["text"](
            {"input_ids": tokens.ids_nl, "attention_mask": tokens.mask_nl}
        )
        return condition_nd

    def decode(self, activations: Sequence[Tensor], condition_nd: Tensor) -> Tensor:
        """Return the logits of one mask per picture, (n, 1, h, w)."""
        logits_nhw: Tensor = self.decoder(tuple(activations), condition_nd).logits
        return logits_nhw[:, None]


def build(blueprint: Blueprint) -> BiomedClipSeg:
    """Build the network from its image tower, its text tower and, if it has one, its decoder."""
    image, text, *decoders = blueprint.parts
    locations, seed = blueprint.locations, blueprint.seed
    segmenter = BiomedClipSeg(
        blueprint.card,
        blueprint.options,
        create_backbone(image, locations, seed),
        create_text_encoder(text, locations),
    )
    for part in decoders:
        taken: Any = build_segmenter(part, locations, seed)
        segmenter.decoder.load_state_dict(taken.clipseg.decoder.state_dict())
    return segmenter


def load(segmenter: BiomedClipSeg, source: WeightsSource, path: Path) -> None:
    """Load a file of the whole network strictly.

    Raises:
        WeightsError: the file does not fit the network.
    """
    load_strictly(segmenter, read_published(path, source), segmenter.card, path)
