"""A batch of made-up pictures through a frozen network, to see what memory features need."""

from __future__ import annotations

import torch

from trainables.analyses.tower import TowerConfig
from trainables.context import Context
from trainables.engine.inputs import eval_transform
from trainables.engine.placement import place
from trainables.engine.supervised_rehearsal import made_up_images
from trainables.features import BATCH_SIZE
from trainables.models.factory import create_backbone


def rehearse_tower(config: TowerConfig, context: Context) -> None:
    """Make the features of one batch, as :func:`trainables.features.frozen_features` does."""
    transform = eval_transform(
        config.backbone, config.data, config.image_size_px, channels=config.channels
    )
    backbone = create_backbone(
        config.backbone, context.locations, 0, transform.size_px, in_chans=len(transform.mean)
    )
    batch = made_up_images(BATCH_SIZE, transform, classes=1)
    with torch.inference_mode():
        place(backbone, context.device).eval()(batch.x_nchw)
