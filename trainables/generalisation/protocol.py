"""One run of the DomainBed protocol, put together from its parts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from trainables.config import flatten
from trainables.context import Context
from trainables.data.cards import get_data_card
from trainables.data.image_set import ImageSet
from trainables.data.transforms import EvalTransform, TrainTransform
from trainables.engine.batches import image_batches
from trainables.engine.config import Precision
from trainables.engine.evaluation import predict_logits
from trainables.engine.final_test import write_predictions
from trainables.engine.supervised import augmented
from trainables.generalisation.create import create_method
from trainables.generalisation.domain_batches import by_domain, check_batch_size, step_indices
from trainables.generalisation.evaluation import Evaluation, final_metrics
from trainables.generalisation.method import Method, Setting
from trainables.generalisation.method_files import MethodSpec, save_method
from trainables.generalisation.records import Record, write_results
from trainables.generalisation.splits import Domains, open_domains
from trainables.generalisation.training import Batches, StepsConfig, StepTraining, fit_steps
from trainables.models.card import IMAGENET_MEAN, IMAGENET_STD
from trainables.models.cards import get_backbone_card
from trainables.models.published_norm import published_norm

if TYPE_CHECKING:
    from trainables.generalise import Config


def train_and_test(config: Config, context: Context) -> dict[str, float]:
    """Do what :func:`trainables.generalise.run` promises."""
    check_batch_size(config.batch_size, context)
    sources = _open(config, config.source_domains, context)
    targets = _open_targets(config, context) if context.final else None
    transform = picture_transform(config, context)
    varied = augmented(transform, config.augment)
    setting = Setting(
        classes=sources.images.classes,
        domains=len(sources.parts),
        image_size_px=transform.size_px,
        context=context,
    )
    method = create_method(config.method, setting)

    def score(
        images: ImageSet, how: EvalTransform | TrainTransform, precision: Precision
    ) -> Tensor:
        size = config.batch_size * len(sources.parts)
        return predict_logits(method, images, how, size, precision, context)[0]

    validated = varied if config.augment_validation else transform
    evaluate = Evaluation(
        sources=sources,
        targets=targets,
        score_sources=lambda images: score(images, validated, config.precision),
        score_targets=lambda images: score(images, transform, config.precision),
        complete=config.evaluate == "all",
    )
    training = StepTraining(
        batches=lambda steps, seed: _batches(config, sources, varied, steps, seed, context),
        evaluate=evaluate,
        pictures=config.batch_size * len(sources.parts),
    )
    records = fit_steps(method, training, _steps_config(config), context)
    if targets is None:
        return {}
    # Whatever the training's number format: tests are in full precision.
    logits_nk = score(targets.images, transform, "fp32")
    metrics = final_metrics(targets, logits_nk, records[-1])
    if context.is_main:
        tested_n = np.zeros(len(targets.images.labels), dtype=bool)
        for domain in targets.parts:
            tested_n[domain.inside] = True
        write_predictions(context.artifacts, [(targets.images, logits_nk)], tested_n)
        _write_records(config, sources, targets, records, context)
        _save(config, method, setting, transform, metrics)
    return metrics


def _open(config: Config, names: tuple[str, ...], context: Context) -> Domains:
    return open_domains(config.data, names, config.holdout_fraction, context)


def _open_targets(config: Config, context: Context) -> Domains:
    # All pictures of the set are in its split 'train': the seal is on domains here.
    context.open_test()
    return _open(config, config.test_domains, context)


def picture_transform(config: Config, context: Context) -> EvalTransform:
    card = get_backbone_card(config.method.backbone.card)
    mean, std = IMAGENET_MEAN, IMAGENET_STD
    if config.normalisation != "imagenet":
        mean, std = published_norm(config.method.backbone, context.locations)
    return EvalTransform(
        size_px=config.image_size_px or card.image_size_px,
        mean=mean,
        std=std,
        interpolation="bilinear",
    )


def _steps_config(config: Config) -> StepsConfig:
    return StepsConfig(
        steps=config.steps,
        record_every=config.checkpoint_every,
        optimizer=config.optimizer,
        selection_metric=config.selection_metric,
        precision=config.precision,
        clip_norm=config.clip_norm,
    )


def _batches(
    config: Config,
    sources: Domains,
    transform: EvalTransform | TrainTransform,
    steps: int,
    seed: int,
    context: Context,
) -> Iterator[Batches]:
    indices = step_indices(sources, steps, config.batch_size, config.class_balanced, context, seed)
    loaded = image_batches(
        sources.images, transform, indices, context.device, context.loader_workers
    )
    return (by_domain(batch, len(sources.parts)) for batch in loaded)


def _write_records(
    config: Config, sources: Domains, targets: Domains, records: list[Record], context: Context
) -> None:
    card = get_data_card(config.data.name)
    # Which domains is said by test_envs: runs that differ in nothing else are of one setting.
    domains = ("source_domains", "test_domains")
    hparams = {name: value for name, value in flatten(config).items() if name not in domains}
    args = {
        "algorithm": config.method.name,
        "dataset": config.data.name,
        "test_envs": [card.domains.index(name) for name in config.test_domains],
        "trial_seed": context.replicate,
        "hparams": json.dumps(hparams, sort_keys=True),
        "hparams_seed": 0,
        "holdout_fraction": config.holdout_fraction,
        "steps": config.steps,
        "seed": context.seed,
        "task": "domain_generalization",
    }
    parts = [*sources.parts, *targets.parts]
    steps_per_epoch = min(len(domain.inside) for domain in parts) / config.batch_size
    write_results(context.artifacts, records, args, hparams, steps_per_epoch)


def _save(
    config: Config,
    method: Method,
    setting: Setting,
    transform: EvalTransform,
    metrics: dict[str, float],
) -> None:
    context = setting.context
    spec = MethodSpec(
        method=config.method,
        classes=setting.classes,
        domains=setting.domains,
        transform=transform,
        seed=context.seed,
        replicate=context.replicate,
    )
    save_method(context.artifacts, method, spec, config, metrics)
