"""ERM on frozen features: a linear layer trained by the protocol of `generalise`, in 0.2 s.

Records, batches, parts of the domains, optimizer and validation metric are the product's own; only
the pictures have been through the backbone before, once.

Axes: n pictures, d features, k classes.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from trainables import generalise
from trainables.context import Context, Locations
from trainables.data.image_set import ImageSet
from trainables.data.transforms import EvalTransform
from trainables.engine.batches import ImageBatch
from trainables.features import frozen_features
from trainables.generalisation.domain_batches import by_domain, step_indices
from trainables.generalisation.evaluation import Evaluation
from trainables.generalisation.method import Method
from trainables.generalisation.splits import DomainParts, Domains, open_domains
from trainables.generalisation.training import Batches, StepsConfig, StepTraining, fit_steps
from trainables.models.card import IMAGENET_MEAN, IMAGENET_STD
from trainables.models.heads import LinearHead

Stops = Callable[[int, float], bool]
"""Record and validation value -> whether the trial ends there."""


@dataclass(frozen=True, kw_only=True)
class Examples:
    """Features and what they are of."""

    feats_nd: Tensor
    labels: Tensor


@dataclass(frozen=True, kw_only=True)
class Sources:
    """The domains a cell trains on, as features with the mean 0 and the sd 1 of their in parts.

    Args:
        held_out: all pictures of the domains that it does not train on.
    """

    domains: Domains
    feats_nd: Tensor
    labels: Tensor
    held_out: Examples

    def out_part(self, part: DomainParts) -> Examples:
        """Return what validates of a domain."""
        return Examples(feats_nd=self.feats_nd[part.outside], labels=self.labels[part.outside])


def open_sources(config: generalise.Config, locations: Locations) -> Sources:
    """Compute the features of a config's domains, or take them from the store."""
    domains, feats_nd = _features(config, config.source_domains, locations)
    tested, tested_nd = _features(config, config.test_domains, locations)
    inside_nd = torch.cat([feats_nd[part.inside] for part in domains.parts])
    # A channel of zeros stays one.
    mean_d, sd_d = inside_nd.mean(dim=0), inside_nd.std(dim=0).clamp_min(1e-6)
    return Sources(
        domains=domains,
        feats_nd=(feats_nd - mean_d) / sd_d,
        labels=torch.from_numpy(domains.images.labels),
        held_out=Examples(
            feats_nd=(tested_nd - mean_d) / sd_d, labels=torch.from_numpy(tested.images.labels)
        ),
    )


def train(config: generalise.Config, seed: int, sources: Sources, stops: Stops) -> None:
    """Run one search trial."""
    metric = config.selection_metric

    def send(step: int, metrics: Mapping[str, float]) -> None:
        if stops(step, metrics[metric]):
            raise SystemExit

    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(SystemExit):
        context = Context(
            trial_id="trial",
            seed=seed,
            folder=Path(folder),
            locations=Locations(data=Path(folder), weights=Path(folder), store=Path(folder)),
            checkpoint_every=config.steps,
            send=send,
        )
        fit_steps(*_problem(config, sources, context), _steps(config), context)


def _features(
    config: generalise.Config, names: Sequence[str], locations: Locations
) -> tuple[Domains, Tensor]:
    assert config.image_size_px is not None
    transform = EvalTransform(
        size_px=config.image_size_px,
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        interpolation="bilinear",
    )
    with tempfile.TemporaryDirectory() as folder:
        context = Context(trial_id="features", seed=0, folder=Path(folder), locations=locations)
        domains = open_domains(config.data, names, config.holdout_fraction, context)
        return domains, frozen_features(config.method.backbone, domains.images, transform, context)


class _Head(Method):
    """Dropout and a linear layer, trained by the cross-entropy over all domains' pictures."""

    def __init__(self, config: generalise.Config, sources: Sources, seed: int) -> None:
        super().__init__()
        classes = len(sources.domains.images.classes)
        self.dropout = nn.Dropout(config.method.dropout)
        self.head = LinearHead(sources.feats_nd.shape[1], classes, seed=seed)

    def loss(self, batches: Sequence[ImageBatch]) -> Tensor:
        logits_nk = self.logits(torch.cat([batch.x_nchw for batch in batches]))
        return nn.functional.cross_entropy(logits_nk, torch.cat([b.labels for b in batches]))

    def logits(self, x_nchw: Tensor) -> Tensor:
        logits_nk: Tensor = self.head(self.dropout(x_nchw))
        return logits_nk


def _problem(
    config: generalise.Config, sources: Sources, context: Context
) -> tuple[Method, StepTraining]:
    method = _Head(config, sources, context.seed)
    feats_nd, labels, domains = sources.feats_nd, sources.labels, sources.domains

    def score(images: ImageSet) -> Tensor:
        method.eval()
        with torch.inference_mode():
            logits_nk: Tensor = method(feats_nd[images.rows])
        method.train()
        return logits_nk

    def batches(steps: int, seed: int) -> Iterator[Batches]:
        drawn = step_indices(domains, steps, config.batch_size, False, context, seed)
        for rows in drawn:
            yield by_domain(ImageBatch(feats_nd[rows], labels[rows]), len(domains.parts))

    evaluate = Evaluation(
        sources=domains, targets=None, score_sources=score, score_targets=score, complete=False
    )
    pictures = config.batch_size * len(domains.parts)
    return method, StepTraining(batches=batches, evaluate=evaluate, pictures=pictures)


def _steps(config: generalise.Config) -> StepsConfig:
    return StepsConfig(
        steps=config.steps,
        record_every=config.checkpoint_every,
        optimizer=config.optimizer,
        selection_metric=config.selection_metric,
        precision=config.precision,
        clip_norm=config.clip_norm,
    )
