"""Methods that make no use of domains: one loss over the pictures of all of them.

Axes: n pictures, c channels, h rows, w columns, k classes.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from trainables.engine.batches import ImageBatch
from trainables.generalisation.config import MethodConfig
from trainables.generalisation.losses import PictureLoss
from trainables.generalisation.method import Method, Setting
from trainables.generalisation.network_method import NetworkMethod, Objective, create_network
from trainables.models.freezing import freeze_backbone
from trainables.models.heads import Classifier


class Risk(Objective):
    """The mean loss over all pictures, whatever their domain."""

    def __init__(self, loss: PictureLoss) -> None:
        super().__init__()
        self.picture_loss = loss

    def forward(self, network: Classifier, batches: Sequence[ImageBatch], step: int) -> Tensor:
        del step
        logits_nk = network(torch.cat([batch.x_nchw for batch in batches]))
        labels = torch.cat([batch.labels for batch in batches])
        loss: Tensor = self.picture_loss(logits_nk, labels)
        return loss


def build_erm(config: MethodConfig, setting: Setting) -> Method:
    """Build empirical risk minimisation: everything is trained."""
    objective = Risk(PictureLoss(config.loss, len(setting.classes)))
    return NetworkMethod(create_network(config, setting), objective, config.freeze_norms)


def build_linear_probe(config: MethodConfig, setting: Setting) -> Method:
    """Build a linear layer that is trained on a backbone that is not."""
    network = create_network(config, setting)
    freeze_backbone(network)
    objective = Risk(PictureLoss(config.loss, len(setting.classes)))
    return NetworkMethod(network, objective, config.freeze_norms)
