"""The one interface of every image backbone: pooled feature, tokens, blocks, layers.

Axes: n pictures, c channels, h rows, w columns, t tokens, d width.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

from torch import Tensor, nn

from trainables.errors import SelectionError, did_you_mean
from trainables.models.card import BackboneCard
from trainables.models.stem import widen_stem


@dataclass(frozen=True, kw_only=True, slots=True)
class Features:
    """What a backbone makes of a batch.

    Args:
        pooled_nd: the feature a linear head reads.
        tokens_ntd: one feature per place of the picture, row by row, without class or register
            tokens: the last map of a CNN, the last block of a transformer before its final norm
            (BLIP: after it).
    """

    pooled_nd: Tensor
    tokens_ntd: Tensor | None


class Backbone(nn.Module, ABC):
    """A network without its classifier.

    Args:
        trunk: the library's module.
        image_size_px: side of the square pictures it was built for.
    """

    trunk: Any  # the libraries publish no types, and nn.Module hides their methods

    def __init__(self, card: BackboneCard, trunk: nn.Module, image_size_px: int) -> None:
        super().__init__()
        self.card = card
        self.dim = card.dim
        self.image_size_px = image_size_px
        self.trunk = trunk

    @abstractmethod
    def features(self, x_nchw: Tensor) -> Features:
        """Return the pooled feature and the tokens of normalised pictures."""

    def forward(self, x_nchw: Tensor) -> Tensor:
        """Return the pooled feature, (n, dim)."""
        return self.features(x_nchw).pooled_nd

    def blocks(self) -> list[tuple[str, nn.Module]]:
        """Return the residual blocks in network order, by their dotted name in the trunk."""
        stages = self.card.stages
        return [found for name in stages for found in _leaves(name, self.trunk.get_submodule(name))]

    def keep_blocks(self, last: int) -> None:
        """Drop, in place, every block after one; features are then those of its output.

        Final norm and projection stay and read that block. Dropping keeps the function and leaves
        no parameter without a gradient.

        Args:
            last: of the card's ``output_blocks``, counted from 0.
        """
        [stage] = self.card.stages
        blocks = cast("nn.Sequential | nn.ModuleList", self.trunk.get_submodule(stage))
        del blocks[last + 1 :]

    def units(self) -> list[nn.Module]:
        """Return the parts that partial unfreezing counts, in network order: the blocks."""
        return [block for _, block in self.blocks()]

    def adapt_stem(self, in_chans: int, pretrained: bool) -> None:
        """Change the stem in place to read another number of channels.

        Args:
            pretrained: keep the kernels the stem has; random ones are drawn afresh.
        """
        stem = cast(nn.Conv2d, self.trunk.get_submodule(self.card.stem))
        widen_stem(stem, in_chans, pretrained)

    def layer_features(self, x_nchw: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
        """Return the output of named modules of the trunk (blocks or any other), in one pass.

        Of a module that returns several things, such as attention with its weights, the first.

        Raises:
            SelectionError: the trunk has no module of that name.
        """
        known = dict(self.trunk.named_modules())
        for layer in layers:
            if layer not in known:
                names = [name for name, _ in self.blocks()]
                raise SelectionError(
                    f"backbone '{self.card.name}' has no layer '{layer}'."
                    f"{did_you_mean(layer, names)}"
                )
        outputs: dict[str, Tensor] = {}

        def keep(layer: str) -> Any:
            def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
                outputs[layer] = output[0] if isinstance(output, tuple) else output

            return hook

        handles = [known[layer].register_forward_hook(keep(layer)) for layer in layers]
        try:
            self.features(x_nchw)
        finally:
            _remove(handles)
        return {layer: outputs[layer] for layer in layers}


def _leaves(name: str, module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Walk into containers; what is no container is a block."""
    if isinstance(module, (nn.Sequential, nn.ModuleList)):
        for child_name, child in module.named_children():
            yield from _leaves(f"{name}.{child_name}", child)
    else:
        yield name, module


def _remove(handles: Iterable[Any]) -> None:
    for handle in handles:
        handle.remove()
