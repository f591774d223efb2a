"""Supervised fine-tuning, put together from the loop, the data and the models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor
from torch.nn import functional

from trainables.config import seed_from
from trainables.context import Context
from trainables.data.card import Task
from trainables.data.image_set import ImageSet
from trainables.data.open import open_split
from trainables.data.transforms import EvalTransform, TrainTransform
from trainables.engine.batches import ImageBatch, image_batches
from trainables.engine.classifier_files import ClassifierSpec, save_classifier
from trainables.engine.evaluation import predict_logits
from trainables.engine.final_test import final_metrics
from trainables.engine.inputs import eval_transform
from trainables.engine.loop import Training, fit
from trainables.metrics.classification import classification_metrics
from trainables.models.factory import create_backbone
from trainables.models.heads import Classifier, LinearHead

if TYPE_CHECKING:
    from trainables.classify import Config


def train_and_test(config: Config, context: Context) -> dict[str, float]:
    """Do what :func:`trainables.classify.run` promises."""
    train, val = (open_split(config.data, split, context) for split in ("train", "val"))
    transform = eval_transform(
        config.backbone, config.data, config.image_size_px, config.normalisation
    )
    model = _create_model(config, transform, train, context)

    def score(images: ImageSet) -> Tensor:
        logits_nk, _ = predict_logits(
            model, images, transform, config.batch_size, config.precision, context
        )
        return logits_nk

    def evaluate() -> dict[str, float]:
        values = classification_metrics(score(val).numpy(), val.labels, val.task)
        return {f"val/{name}": value for name, value in values.items()}

    train_transform = augmentation(transform) if config.augment else transform
    training: Training[ImageBatch] = Training(
        cases=len(train),
        batches=lambda indices: image_batches(
            train, train_transform, indices, context.device, context.loader_workers
        ),
        loss=lambda module, batch: classification_loss(
            module(batch.x_nchw), batch.labels, train.task
        ),
        evaluate=evaluate,
    )
    fit(model, training, config.fit_config(), context)
    if not context.final:
        return {}
    metrics = final_metrics(score, config.data, config.shift_domains, context)
    if context.is_main:
        _save(config, model, train, transform, metrics, context)
    return metrics


def classification_loss(logits_nk: Tensor, labels: Tensor, task: Task) -> Tensor:
    """Return the mean cross-entropy, of softmax or of one sigmoid per label."""
    if task == "multilabel":
        return functional.binary_cross_entropy_with_logits(logits_nk, labels)
    return functional.cross_entropy(logits_nk, labels)


def augmentation(transform: EvalTransform) -> TrainTransform:
    """Return the augmentation that ``augment`` switches on, for the same size and norm."""
    return TrainTransform(
        size_px=transform.size_px,
        mean=transform.mean,
        std=transform.std,
        interpolation=transform.interpolation,
        crop_scale=(0.5, 1.0),
        horizontal_flip=0.5,
        brightness=0.1,
        contrast=0.1,
        saturation=0.1,
    )


def _create_model(
    config: Config, transform: EvalTransform, train: ImageSet, context: Context
) -> Classifier:
    backbone = create_backbone(
        config.backbone,
        context.locations,
        seed=seed_from(context.seed, "backbone"),
        image_size_px=transform.size_px,
        replicate=context.replicate,
    )
    backbone.requires_grad_(not config.freeze_backbone)
    head = LinearHead(backbone.dim, len(train.classes), seed=seed_from(context.seed, "head"))
    return Classifier(backbone, head)


def _save(
    config: Config,
    model: Classifier,
    train: ImageSet,
    transform: EvalTransform,
    metrics: dict[str, float],
    context: Context,
) -> None:
    spec = ClassifierSpec(
        card=config.backbone.card,
        weights=config.backbone.weights,
        classes=train.classes,
        task=train.task,
        transform=transform,
    )
    save_classifier(context.artifacts, model, spec, config, metrics)
