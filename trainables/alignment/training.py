"""Fine-tuning of CLIP, put together from the loop, the pairs and the towers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

from torch import Tensor, nn

from trainables.alignment.captions import Pairs
from trainables.alignment.clip_transform import clip_transform
from trainables.alignment.openclip_folder import save_aligned
from trainables.alignment.pair_batches import PairBatch, pair_batches
from trainables.alignment.pair_loss import PairLoss
from trainables.alignment.pair_model import Aligned, PairModel, create_pair_model
from trainables.alignment.validation import embed_pairs, retrieval_metrics
from trainables.context import Context
from trainables.data.open import open_split
from trainables.data.transforms import EvalTransform
from trainables.engine.config import Precision
from trainables.engine.loop import Training, fit
from trainables.engine.supervised import augmented
from trainables.errors import ConfigError, DatasetError

if TYPE_CHECKING:
    from trainables.align import Config


def train(config: Config, context: Context) -> dict[str, float]:
    """Do what :func:`trainables.align.run` promises."""
    _check_ranks(config, context)
    pairs = Pairs.of(open_split(config.data, "train", context), config.captions)
    transform = _transform(config, context)
    model = create_pair_model(config.backbone, context.locations, context.seed, transform.size_px)
    measure = _measuring(config, model, transform, context)

    def evaluate(_step: int) -> dict[str, float]:
        model.bound_scale()
        return {f"val/{name}": value for name, value in measure(config.precision).items()} | {
            "train/temperature": float(model.log_scale.detach().exp()),
            "train/global_batch": float(config.batch_size),
        }

    training: Training[PairBatch] = Training(
        cases=len(pairs),
        batches=lambda indices: pair_batches(
            pairs, model.texts, augmented(transform, config.augment), indices, context
        ),
        loss=_training_loss(config, model, context),
        evaluate=evaluate,
    )
    best = fit(model, training, config.fit_config(len(pairs) // config.batch_size), context)
    if not context.final:
        return {}
    # Whatever the training's number format: what is kept is measured in full precision.
    chosen = {f"chosen/{name}": value for name, value in measure("fp32").items()}
    chosen |= {"chosen/epoch": float(best.epoch), "chosen/pairs": float(len(pairs))}
    if context.is_main:
        save_aligned(context.artifacts, model, transform, config, chosen)
    return chosen


def _training_loss(
    config: Config, model: PairModel, context: Context
) -> Callable[[nn.Module, PairBatch], Tensor]:
    pair_loss = PairLoss(local_loss=config.local_loss, gather_with_grad=config.gather_with_grad)

    def loss(module: nn.Module, batch: PairBatch) -> Tensor:
        # Before a step reads it is after the step before changed it.
        model.bound_scale()
        found: Aligned = module(batch.x_nchw, batch.ids_nt)
        return pair_loss(found.images_nd, found.texts_nd, found.scale, context)

    return loss


def _measuring(
    config: Config, model: PairModel, transform: EvalTransform, context: Context
) -> Callable[[Precision], dict[str, float]]:
    """Return what measures the towers, as they are, on validation pairs."""
    held_out = open_split(config.data, "val", context)
    pairs = Pairs.of(held_out, config.captions, config.val_pairs)
    if len(pairs) < 2:
        raise DatasetError(f"{held_out.name}/val has one pair: it has nothing to be compared with")

    def measure(precision: Precision) -> dict[str, float]:
        found = embed_pairs(model, pairs, transform, config.val_batch_size, precision, context)
        return retrieval_metrics(found, config.val_batch_size)

    return measure


def _transform(config: Config, context: Context) -> EvalTransform:
    by_card = clip_transform(config.backbone, context.locations, config.image_size_px)
    return dataclasses.replace(
        by_card, mean=config.mean or by_card.mean, std=config.std or by_card.std
    )


def _check_ranks(config: Config, context: Context) -> None:
    if config.batch_size % context.world_size:
        raise ConfigError(
            f"batch_size={config.batch_size} cannot be shared equally by {context.world_size} "
            "workers, which comparing pairs across them needs: choose a multiple"
        )
