"""CRIS (Wang et al., CVPR 2022): CLIP RN50, a neck, a decoder and a projector, all of it trained.

Axes: n pictures, c channels, h rows, w columns, l tokens of a text, d width.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - PyTorch's own name for it

from trainables.models.card import WeightsSource
from trainables.models.catalogue.cris import CLIP_ONLY
from trainables.models.checkpoints import load_strictly, read_published
from trainables.models.segmenter_card import SegmenterCard
from trainables.models.segmenter_options import SegmenterOptions
from trainables.models.segmenters.blueprint import Blueprint
from trainables.models.segmenters.clip_tokens import clip_tokens
from trainables.models.segmenters.cris.backbone import build_backbone, picture_maps, word_states
from trainables.models.segmenters.cris.decoder import Decoder
from trainables.models.segmenters.cris.neck import Neck
from trainables.models.segmenters.cris.projector import Projector
from trainables.models.segmenters.segmenter import Segmenter, TextTokens

_BACKBONE = "backbone."
_SHORTCUT = "visual.attnpool.connect."


class Cris(Segmenter):
    """The network as Poudel et al. (MIDL 2024) fine-tune it, with their names of its parts."""

    def __init__(self, card: SegmenterCard, options: SegmenterOptions) -> None:
        super().__init__(card)
        sizes = card.sizes
        dim, word_dim = sizes["fpn_out"][1], sizes["fpn_in"][2]
        self.backbone = build_backbone(sizes["clip"])
        self.neck = Neck(sizes["fpn_in"], sizes["fpn_out"])
        self.decoder = Decoder(
            sizes["num_layers"], dim, sizes["num_head"], sizes["dim_ffn"], sizes["dropout"]
        )
        self.proj = Projector(word_dim, dim // 2)
        self._padding = options.text_padding
        self._still = options.freeze_encoder and not options.encoder_train_mode
        if options.freeze_encoder:
            self.backbone.requires_grad_(False)

    def train(self, mode: bool = True) -> Cris:
        """Switch modes; encoders that are frozen and kept still stay in evaluation mode."""
        super().train(mode)
        if self._still:
            self.backbone.eval()
        return self

    def tokenize(self, texts: Sequence[str]) -> TextTokens:
        """Return CLIP's tokens of each text, all of the card's length."""
        return clip_tokens(texts, self.card.context_length, self._padding)

    def forward(self, pixels_nchw: Tensor, tokens: TextTokens | None) -> Tensor:
        """Return logits (n, 1, h, w) at the size of the input."""
        ids_nl = self.required(tokens).ids_nl
        maps = picture_maps(self.backbone, pixels_nchw)
        words_nld, sentence_nd = word_states(self.backbone, ids_nl)
        # Id 0 is what the original code pads with; it is also that of '!'.
        map_nchw = self.decoder(self.neck(maps, sentence_nd), words_nld, ids_nl == 0)
        scores_n1hw = self.proj(map_nchw, sentence_nd)
        size = pixels_nchw.shape[2:]
        return F.interpolate(scores_n1hw, size=size, mode="bicubic", align_corners=True)


def build(blueprint: Blueprint) -> Cris:
    """Build the network with random weights."""
    return Cris(blueprint.card, blueprint.options)


def load(segmenter: Cris, source: WeightsSource, path: Path) -> None:
    """Load a file of the whole network, or of CLIP's two towers, strictly.

    A file of CLIP leaves the rest, and the shortcut around the attention pool, as they were drawn.

    Raises:
        WeightsError: the file does not fit the network.
    """
    state = read_published(path, source)
    if source.tag == CLIP_ONLY:
        drawn = segmenter.state_dict()
        fresh = {k: t for k, t in drawn.items() if not k.startswith(_BACKBONE) or _SHORTCUT in k}
        state = {**fresh, **{_BACKBONE + name: tensor for name, tensor in state.items()}}
    load_strictly(segmenter, state, segmenter.card, path)
