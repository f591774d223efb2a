"""Language-shaped learning, put together from the loop, the triplets and the towers.

Axes: n triplets, p pictures, d width.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor, nn
from torch.nn import functional

from trainables.alignment.clip_input import check_input_transform, clip_input
from trainables.alignment.clip_transform import clip_transform
from trainables.alignment.margin_loss import margin_loss
from trainables.alignment.openclip_folder import save_aligned
from trainables.alignment.pair_model import PairModel, create_pair_model
from trainables.alignment.triplets import (
    TripletBatch,
    Triplets,
    held_out_triplets,
    training_triplets,
    triplet_batches,
)
from trainables.concepts.knowledge import annotated_concepts
from trainables.concepts.samples import sample_concepts
from trainables.context import Context
from trainables.data.open import open_split
from trainables.data.transforms import EvalTransform
from trainables.engine.config import Precision
from trainables.engine.evaluation import predict_logits
from trainables.engine.loop import Training, fit

if TYPE_CHECKING:
    from trainables.lsl import Config

_VAL_BATCH = 64


def train(config: Config, context: Context) -> dict[str, float]:
    """Do what :func:`trainables.lsl.run` promises."""
    images = open_split(config.data, "train", context)
    samples = sample_concepts(
        annotated_concepts(images, config.knowledge, context.locations),
        config.data.name,
        config.max_examples,
        config.train_examples,
        config.least_held_out,
    )
    triplets = training_triplets(images, samples)
    model, transform = _start(config, context)
    question_ids_kt = model.texts.token_ids(triplets.concepts)
    measure = _measuring(config, model, held_out_triplets(images, samples), transform, context)
    training: Training[TripletBatch] = Training(
        cases=len(triplets),
        batches=lambda indices: triplet_batches(
            triplets, question_ids_kt, transform, indices, context
        ),
        loss=lambda module, batch: _loss(module, batch, config.margin),
        evaluate=lambda _step: {"val/loss": measure(config.precision)},
    )
    best = fit(model, training, config.fit_config(), context)
    if not context.final:
        return {}
    chosen = {
        # Whatever the training's number format: what is kept is measured in full precision.
        "chosen/loss": measure("fp32"),
        "chosen/epoch": float(best.epoch),
        "chosen/concepts": float(len(triplets.concepts)),
        "chosen/triplets": float(len(triplets)),
    }
    if context.is_main:
        save_aligned(context.artifacts, model, transform, config, chosen)
    return chosen


def _loss(module: nn.Module, batch: TripletBatch, margin: float) -> Tensor:
    found = module(batch.x_nchw, batch.ids_nt)
    cosine_n = (found.images_nd * found.texts_nd).sum(dim=1)
    return margin_loss(cosine_n.float(), batch.shown_n, margin)


def _start(config: Config, context: Context) -> tuple[PairModel, EvalTransform]:
    """Return both towers to be trained, and what pictures go through, in training too."""
    given = clip_input(config.backbone, context)
    if given is None:
        transform = clip_transform(config.backbone, context.locations, config.image_size_px)
        size_px = transform.size_px
        model = create_pair_model(config.backbone, context.locations, context.seed, size_px)
    else:
        check_input_transform(given, config.image_size_px, channels="rgb")
        transform, towers = given.transform, given.towers()
        model = PairModel(towers.images, towers.texts).requires_grad_(True)
    # Cosines are compared as they are: the temperature is kept for who uses the towers.
    model.log_scale.requires_grad_(False)
    return model, transform


def _measuring(
    config: Config,
    model: PairModel,
    triplets: Triplets,
    transform: EvalTransform,
    context: Context,
) -> Callable[[Precision], float]:
    """Return what computes the mean loss of the towers, as they are, over held-out triplets."""
    # A picture is held out for many concepts, and looked at once.
    rows_p, place_n = np.unique(triplets.picture_n.numpy(), return_inverse=True)
    pictures = triplets.images.subset(rows_p)

    def measure(precision: Precision) -> float:
        feats_pd, _ = predict_logits(
            model.images, pictures, transform, _VAL_BATCH, precision, context
        )
        texts_kd = model.texts.encode_texts(triplets.concepts).cpu()
        cosine_n = (functional.normalize(feats_pd)[place_n] * texts_kd[triplets.concept_n]).sum(1)
        return float(margin_loss(cosine_n, triplets.shown_n, config.margin))

    return measure
