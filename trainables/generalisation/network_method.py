"""Methods that are a backbone with a linear head and something to lower.

Axes: n pictures, c channels, h rows, w columns, k classes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from trainables.config import seed_from
from trainables.engine.batches import ImageBatch
from trainables.generalisation.config import MethodConfig
from trainables.generalisation.method import Method, Setting
from trainables.models.factory import create_backbone
from trainables.models.freezing import freeze_unreached
from trainables.models.heads import Classifier, LinearHead


class Objective(nn.Module, ABC):
    """What a method lowers.

    Attributes:
        restart_step: before this optimizer step the optimizer forgets its moments; None: never.
    """

    restart_step: int | None = None

    @abstractmethod
    def forward(self, network: Classifier, batches: Sequence[ImageBatch], step: int) -> Tensor:
        """Return the loss of one batch per domain; see :meth:`Method.loss` for several ranks."""


class NetworkMethod(Method):
    """A network and its objective.

    Args:
        freeze_norms: batch norms stay in evaluation mode.
    """

    def __init__(self, network: Classifier, objective: Objective, freeze_norms: bool) -> None:
        super().__init__()
        self.network = network
        self.objective = objective
        self.freeze_norms = freeze_norms

    def loss(self, batches: Sequence[ImageBatch]) -> Tensor:
        value: Tensor = self.objective(self.network, batches, self.step)
        return value

    def logits(self, x_nchw: Tensor) -> Tensor:
        logits_nk: Tensor = self.network(x_nchw)
        return logits_nk

    def restarts_optimizer(self) -> bool:
        return self.step == self.objective.restart_step

    def train(self, mode: bool = True) -> NetworkMethod:
        """Set the mode of all parts but frozen norms."""
        super().train(mode)
        if self.freeze_norms:
            for module in self.modules():
                if isinstance(module, _BatchNorm):
                    module.eval()
        return self


def create_network(config: MethodConfig, setting: Setting) -> Classifier:
    """Build the backbone with its weights, dropout on its pooled feature, and a linear head.

    Raises:
        SelectionError, WeightsError, StorageError, ConfigError: see
            :func:`trainables.models.factory.create_backbone`.
    """
    context = setting.context
    backbone = create_backbone(
        config.backbone,
        context.locations,
        seed=seed_from(context.seed, "backbone"),
        image_size_px=setting.image_size_px,
        replicate=context.replicate,
    )
    head = LinearHead(backbone.dim, len(setting.classes), seed=seed_from(context.seed, "head"))
    network = Classifier(backbone, head)
    network.add_module("embedding", nn.Dropout(config.dropout))
    freeze_unreached(network)
    return network
