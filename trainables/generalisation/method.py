"""The one interface of methods of domain generalisation.

Axes: n pictures, c channels, h rows, w columns, k classes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor, nn

from trainables.context import Context
from trainables.engine.batches import ImageBatch
from trainables.generalisation.config import MethodConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """What a method is built for.

    Args:
        classes: names of the classes, in the order of their numbers.
        domains: how many domains are trained on.
        image_size_px: side of the square pictures; the backbone card's own when None.
        context: seed, locations, rank and number of ranks.
    """

    classes: tuple[str, ...]
    domains: int
    image_size_px: int | None
    context: Context


class Method(nn.Module, ABC):
    """A model with the loss it is trained by.

    A parameter that the loss does not depend on must not require a gradient: ranks that train
    together would wait for it. State beside the weights lives in buffers, so that it is resumed.

    Attributes:
        step: optimizer steps taken before the one whose loss is asked for; the loop sets it.
    """

    step: int = 0

    @abstractmethod
    def loss(self, batches: Sequence[ImageBatch]) -> Tensor:
        """Return the loss of one batch per source domain, in the order of the domains.

        Each rank gets the rows ``rank, rank + world_size, ...`` of every domain's batch, and the
        mean of the ranks' gradients has to be that of the loss of whole batches. A mean over
        pictures is so by itself; for others there is
        :func:`trainables.generalisation.gathering.gather`.
        """

    @abstractmethod
    def logits(self, x_nchw: Tensor) -> Tensor:
        """Return one score per class, (n, k)."""

    def forward(self, x_nchw: Tensor) -> Tensor:
        """Return the logits."""
        return self.logits(x_nchw)

    def settled(self) -> Mapping[str, Tensor]:
        """Return what scoring needs, is not in the state, and is the same for every picture."""
        return {}

    def trained_parameters(self) -> list[nn.Parameter]:
        """Return what the optimizer is given; nothing for a method that needs no training."""
        return [parameter for parameter in self.parameters() if parameter.requires_grad]

    def restarts_optimizer(self) -> bool:
        """Whether the optimizer forgets its moments before the step at hand."""
        return False


class Builder(Protocol):
    """What :data:`trainables.generalisation.create.METHODS` names."""

    def __call__(self, config: MethodConfig, setting: Setting) -> Method: ...
