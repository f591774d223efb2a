"""The steps of supervised fine-tuning on pictures that are made up, to see what memory they need.

Axes: n pictures, c channels, h rows, w columns, k classes.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import torch

from trainables.context import Context
from trainables.data.card import Task
from trainables.data.cards import get_data_card
from trainables.data.transforms import EvalTransform
from trainables.engine.batches import ImageBatch
from trainables.engine.classifier_spec import ClassifierSpec
from trainables.engine.config import FitConfig, Precision, ScheduleConfig
from trainables.engine.loop import Training, rehearse
from trainables.engine.precision import autocast
from trainables.engine.supervised import classification_loss, create_model, picture_transform
from trainables.models.contents import real_zeros

if TYPE_CHECKING:
    from trainables.classify import Config


def rehearse_training(config: Config, context: Context, workers: int) -> None:
    """Do what :func:`trainables.classify.rehearse` promises."""
    card = get_data_card(config.data.name)
    spec = ClassifierSpec(
        backbone=config.backbone,
        head=config.head,
        classes=card.classes,
        task=card.task,
        transform=picture_transform(config, None, context),
    )
    model = create_model(config, spec, None, context)
    pictures = -(-config.batch_size // workers)
    batch = made_up_images(pictures, spec.transform, len(card.classes), card.task)
    fit_config = short_fit(config.fit_config())

    def evaluate(_step: int) -> dict[str, float]:
        model.eval()
        with torch.inference_mode(), autocast(fit_config.precision, context.device):
            model(batch.x_nchw)
        return {}

    training: Training[ImageBatch] = Training(
        cases=pictures,
        batches=lambda parts: iter([batch] * len(parts)),
        loss=lambda module, given: classification_loss(
            module(given.x_nchw), given.labels, card.task
        ),
        evaluate=evaluate,
    )
    rehearse(model, training, fit_config, context, workers)


def made_up_images(
    pictures: int, transform: EvalTransform, classes: int, task: Task = "multiclass"
) -> ImageBatch:
    """Return a batch as a transform makes it, with labels that a loss takes."""
    side = transform.size_px
    labels = real_zeros(pictures, dtype=torch.int64)
    if task == "multilabel":
        labels = real_zeros(pictures, classes)
    return ImageBatch(torch.zeros(pictures, len(transform.mean), side, side), labels)


def short_fit(config: FitConfig) -> FitConfig:
    """Return the config of one epoch of the same steps."""
    return dataclasses.replace(
        config, epochs=1, schedule=ScheduleConfig(), precision=on_a_cpu(config.precision)
    )


def on_a_cpu(precision: Precision) -> Precision:
    """Return a number format of the same size that a CPU, which has no fp16, can rehearse in."""
    return "bf16" if precision == "fp16" else precision
