"""A segmenter as the training loop sees it: one call, and a state without what never changes.

Axes: n cases, k channels, c colours, h rows, w columns, d width.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from torch import Tensor, nn

from trainables.context import Locations
from trainables.models.segmenters.factory import build_segmenter, build_unread
from trainables.models.segmenters.segmenter import DecodingSegmenter, Segmenter, TextTokens
from trainables.segmentation.spec import SegmenterSpec


class NetworkInput(NamedTuple):
    """What a network reads of some cases.

    Args:
        pixels_nchw: None where ``activations`` take their place.
        activations: what a frozen encoder makes of the pictures, see :class:`DecodingSegmenter`.
        tokens: None for a network that reads no text, or where ``condition_nd`` takes their place.
        condition_nd: what a frozen encoder makes of the texts.
    """

    pixels_nchw: Tensor | None = None
    activations: tuple[Tensor, ...] = ()
    tokens: TextTokens | None = None
    condition_nd: Tensor | None = None


class TrainedNetwork(nn.Module):
    """Wraps a segmenter.

    Args:
        encoder_train_mode: frozen parts are in training mode when the network is, see
            :class:`SegmenterOptions`; else they stay in evaluation mode.
    """

    def __init__(self, segmenter: Segmenter, encoder_train_mode: bool) -> None:
        super().__init__()
        self.segmenter = segmenter
        self.encoder_train_mode = encoder_train_mode
        self.register_state_dict_post_hook(self._leave_out)  # type: ignore[no-untyped-call]
        self.register_load_state_dict_pre_hook(self._put_back)  # type: ignore[no-untyped-call]

    def forward(self, given: NetworkInput) -> Tensor:
        """Return logits (n, k, h, w)."""
        if self.training and self.encoder_train_mode:
            # The loop has put frozen parts into evaluation mode.
            self.segmenter.train()
        if given.pixels_nchw is not None:
            logits_nkhw: Tensor = self.segmenter(given.pixels_nchw, given.tokens)
            return logits_nkhw
        assert isinstance(self.segmenter, DecodingSegmenter)  # others have no activations
        condition_nd = given.condition_nd
        if condition_nd is None:
            assert given.tokens is not None  # a decoder reads a text
            condition_nd = self.segmenter.encode_text(given.tokens)
        return self.segmenter.decode(given.activations, condition_nd)

    @staticmethod
    def _leave_out(module: nn.Module, state: dict[str, Any], prefix: str, _metadata: Any) -> None:
        """Take frozen parameters out of a state: they follow from config and seed."""
        for name in _frozen(module):
            del state[prefix + name]

    @staticmethod
    def _put_back(module: nn.Module, state: dict[str, Any], prefix: str, *_: Any) -> None:
        """Give a state that is loaded the frozen parameters the module has."""
        for name, parameter in _frozen(module).items():
            state[prefix + name] = parameter.detach()


def _frozen(module: nn.Module) -> dict[str, nn.Parameter]:
    return {name: p for name, p in module.named_parameters() if not p.requires_grad}


def create_network(
    spec: SegmenterSpec, locations: Locations, *, unread: bool = False
) -> TrainedNetwork:
    """Build a network with the weights that training starts from.

    Args:
        unread: draw all of them instead; they are to be loaded.

    Raises:
        WeightsError: they are not here or do not fit.
        ConfigError: it cannot have so many channels.
    """
    build = build_unread if unread else build_segmenter
    segmenter = build(
        spec.segmenter,
        locations,
        spec.seed,
        classes=max(1, len(spec.channels)),
        options=spec.options,
    )
    return TrainedNetwork(segmenter, spec.options.encoder_train_mode)
