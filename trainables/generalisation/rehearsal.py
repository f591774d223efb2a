"""The steps of a method on pictures that are made up, to see what memory they need."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainables.context import Context
from trainables.data.cards import get_data_card
from trainables.engine.supervised_rehearsal import made_up_images, on_a_cpu
from trainables.generalisation.create import create_method
from trainables.generalisation.method import Setting
from trainables.generalisation.protocol import picture_transform
from trainables.generalisation.training import StepsConfig, rehearse_steps

if TYPE_CHECKING:
    from trainables.generalise import Config


def rehearse_training(config: Config, context: Context, workers: int) -> None:
    """Do what :func:`trainables.generalise.rehearse` promises."""
    classes = get_data_card(config.data.name).classes
    transform = picture_transform(config, context)
    setting = Setting(
        classes=classes,
        domains=len(config.source_domains),
        image_size_px=transform.size_px,
        context=context,
    )
    method = create_method(config.method, setting)
    pictures = -(-config.batch_size // workers)
    batches = [made_up_images(pictures, transform, len(classes)) for _ in config.source_domains]
    steps = StepsConfig(
        steps=2,
        record_every=1,
        optimizer=config.optimizer,
        selection_metric=config.selection_metric,
        precision=on_a_cpu(config.precision),
        clip_norm=config.clip_norm,
    )
    rehearse_steps(method, batches, steps, context, workers)
