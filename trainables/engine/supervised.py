"""Supervised fine-tuning, put together from the loop, the data and the models."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from trainables.alignment.clip_input import ClipInput, check_input_transform, clip_input
from trainables.config import seed_from
from trainables.context import Context
from trainables.data.augmentation import Augmentation
from trainables.data.card import Task
from trainables.data.fraction import stratified_fraction
from trainables.data.image_set import ImageSet
from trainables.data.open import open_split
from trainables.data.transforms import EvalTransform, TrainTransform
from trainables.engine.batches import ImageBatch, image_batches, split_images
from trainables.engine.classifier_files import save_classifier, save_initial
from trainables.engine.classifier_spec import ClassifierSpec, create_classifier
from trainables.engine.config import Precision
from trainables.engine.evaluation import predict_logits
from trainables.engine.final_test import final_metrics
from trainables.engine.inputs import eval_transform
from trainables.engine.loop import Training, fit
from trainables.errors import ConfigError, DatasetError
from trainables.metrics.classification import classification_metrics
from trainables.models.freezing import freeze_backbone, freeze_unreached
from trainables.models.heads import Classifier
from trainables.models.published_norm import as_published
from trainables.models.token_head import TokenHead

if TYPE_CHECKING:
    from trainables.classify import Config


def train_and_test(config: Config, context: Context) -> dict[str, float]:
    """Do what :func:`trainables.classify.run` promises."""
    train, val = _training_set(config, context), _validation_set(config, context)
    given = clip_input(config.backbone, context)
    spec = _spec(config, train, given, context)
    transform, model = spec.transform, create_model(config, spec, given, context)
    if config.keep_initial and context.final and context.is_main:
        save_initial(context.artifacts, model)

    def score(images: ImageSet, precision: Precision = "fp32") -> Tensor:
        logits_nk, _ = predict_logits(
            model, images, transform, config.batch_size, precision, context
        )
        return logits_nk

    def validate(images: ImageSet) -> dict[str, float]:
        return _validation(score(images, config.precision), images, config.batch_size)

    train_transform = augmented(transform, config.augment)
    training: Training[ImageBatch] = Training(
        cases=len(train),
        batches=lambda indices: image_batches(
            train, train_transform, indices, context.device, context.loader_workers
        ),
        loss=lambda module, batch: classification_loss(
            module(batch.x_nchw), batch.labels, train.task
        ),
        evaluate=lambda step: validate(validation_part(config, val, step, context)),
        split=split_images,
        compiles=True,
    )
    fit(model, training, config.fit_config(), context)
    if not context.final:
        return {}
    # Whatever the training's number format: tests are in full precision.
    metrics = final_metrics(score, config.data, config.shift_domains, context)
    if context.is_main:
        save_classifier(context.artifacts, model, spec, config, metrics)
    return metrics


def classification_loss(logits_nk: Tensor, labels: Tensor, task: Task) -> Tensor:
    """Return the mean cross-entropy, of softmax or of one sigmoid per label."""
    if task == "multilabel":
        return functional.binary_cross_entropy_with_logits(logits_nk, labels)
    return functional.cross_entropy(logits_nk, labels)


def augmented(
    transform: EvalTransform, augmentation: Augmentation
) -> EvalTransform | TrainTransform:
    """Return the transform of training pictures that leads to the same size and norm."""
    if augmentation == Augmentation():
        return transform
    return TrainTransform(
        size_px=transform.size_px,
        mean=transform.mean,
        std=transform.std,
        interpolation=transform.interpolation,
        resize=transform.resize,
        crop_fraction=transform.crop_fraction,
        augmentation=augmentation,
    )


def mean_loss_of_batches(logits_nk: Tensor, labels: Tensor, task: Task, batch_size: int) -> float:
    """Return the mean of the mean losses of batches; a smaller last batch counts as one too."""
    parts = zip(torch.split(logits_nk, batch_size), torch.split(labels, batch_size), strict=True)
    return float(torch.stack([classification_loss(x, y, task) for x, y in parts]).mean())


def _validation(logits_nk: Tensor, val: ImageSet, batch_size: int) -> dict[str, float]:
    values = classification_metrics(logits_nk.numpy(), val.labels, val.task)
    loss = mean_loss_of_batches(logits_nk, torch.from_numpy(val.labels), val.task, batch_size)
    return {f"val/{name}": value for name, value in values.items()} | {"val/loss": loss}


def validation_part(config: Config, val: ImageSet, step: int, context: Context) -> ImageSet:
    """Return the pictures of the validation after an optimizer step."""
    if config.val_batches == "all":
        return val
    seed = seed_from(context.seed, "validation", step)
    order = torch.randperm(len(val), generator=torch.Generator().manual_seed(seed))
    return val.subset(order[: len(val) - len(val) % config.batch_size].numpy())


def _validation_set(config: Config, context: Context) -> ImageSet:
    val = open_split(config.data, "val", context)
    if config.val_batches == "full_batches_shuffled" and len(val) < config.batch_size:
        raise DatasetError(
            f"{val.name}/{val.split} has {len(val)} pictures, not one full batch of "
            f"{config.batch_size}, which val_batches={config.val_batches} asks for: lower "
            "batch_size or set val_batches=all"
        )
    return val


def _training_set(config: Config, context: Context) -> ImageSet:
    train = open_split(config.data, "train", context)
    if config.train_fraction == 1:
        return train
    # One draw per replicate, the same for every model, and nested over the fractions.
    seed = 42 + context.replicate
    return train.subset(stratified_fraction(train.labels, config.train_fraction, seed))


def picture_transform(config: Config, given: ClipInput | None, context: Context) -> EvalTransform:
    if given is None:
        transform = eval_transform(
            config.backbone,
            config.data,
            config.image_size_px,
            config.normalisation,
            config.channels,
            config.resize,
        )
        if config.normalisation == "backbone":
            transform = as_published(transform, config.backbone, context.locations)
    else:
        check_input_transform(given, config.image_size_px, config.channels)
        if config.normalisation != "backbone":
            raise ConfigError("normalisation: the input 'clip' has a mean and sd of its own")
        transform = given.transform
    return dataclasses.replace(
        transform,
        crop_fraction=config.crop_fraction,
        interpolation=config.interpolation or transform.interpolation,
    )


def _spec(
    config: Config, train: ImageSet, given: ClipInput | None, context: Context
) -> ClassifierSpec:
    return ClassifierSpec(
        backbone=config.backbone,
        head=config.head,
        classes=train.classes,
        task=train.task,
        transform=picture_transform(config, given, context),
    )


def create_model(
    config: Config, spec: ClassifierSpec, given: ClipInput | None, context: Context
) -> Classifier:
    backbone = None
    if given is not None:
        backbone = given.towers().images.requires_grad_(True)
    model = create_classifier(spec, context.locations, context.seed, context.replicate, backbone)
    if config.freeze_backbone:
        freeze_backbone(model, config.unfreeze_from)
    if isinstance(model.head, TokenHead) and config.head.freeze:
        model.head.freeze_reader()
    freeze_unreached(model)
    return model
