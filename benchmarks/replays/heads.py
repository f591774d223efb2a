"""Many linear layers on the same features, trained at once, each as the product would train it.

Configs share weights at the start and batches, as search trials of a cell do, and with the same
dropout also what drops out. So one product of matrices does a step of all of them.

Axes: n pictures, d features, b configs, k classes, r records.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from frozen.erm import Examples, Sources
from replays.tables import Floats
from torch import Tensor, nn

from trainables import generalise
from trainables.config import seed_from
from trainables.context import Context, Locations
from trainables.engine.config import AdamMoments
from trainables.generalisation.domain_batches import step_indices
from trainables.generalisation.training import StepsConfig
from trainables.models.heads import LinearHead
from trainables.models.seeding import seeded


@dataclass(frozen=True, kw_only=True)
class Curves:
    """Macro F1 at every record: mean over the sources' out parts, and of the held-out domain."""

    val_br: Floats
    test_br: Floats


def train_heads(
    config: generalise.Config,
    rates_b: Floats,
    decays_b: Floats,
    seed: int,
    sources: Sources,
) -> Curves:
    """Train the config once with each pair of rate and weight decay.

    Returns what as many runs of `frozen.erm.train` with this seed report, up to rounding.
    """
    heads = _Heads(config, rates_b, decays_b, seed, sources)
    val_rb, test_rb = [], []
    with seeded(seed):
        for steps in _steps(config, seed, sources):
            for rows in steps:
                heads.step(sources.feats_nd[rows], sources.labels[rows])
            parts = [sources.out_part(part) for part in sources.domains.parts]
            val_rb.append(np.mean([heads.macro_f1_b(part) for part in parts], axis=0))
            test_rb.append(heads.macro_f1_b(sources.held_out))
    return Curves(val_br=np.stack(val_rb, axis=1), test_br=np.stack(test_rb, axis=1))


def _steps(config: generalise.Config, seed: int, sources: Sources) -> Iterator[Sequence[Tensor]]:
    """Yield the rows of the batches up to each record, with the generator where dropout needs it.

    As in `trainables.generalisation.training`: each record's steps have a seed of their own.
    """
    nowhere = Locations(data=Path(), weights=Path(), store=Path())
    context = Context(trial_id="trial", seed=seed, folder=Path(), locations=nowhere)
    before = -1
    for number, last in enumerate(_recorded(config), start=1):
        steps_seed = seed_from(seed, "steps", number)
        torch.manual_seed(seed_from(steps_seed, "rank", 0))
        yield step_indices(
            sources.domains, last - before, config.batch_size, False, context, steps_seed
        )
        before = last


def _recorded(config: generalise.Config) -> list[int]:
    return StepsConfig(
        steps=config.steps,
        record_every=config.checkpoint_every,
        optimizer=config.optimizer,
        selection_metric=config.selection_metric,
        precision=config.precision,
        clip_norm=config.clip_norm,
    ).recorded()


class _Heads:
    def __init__(
        self,
        config: generalise.Config,
        rates_b: Floats,
        decays_b: Floats,
        seed: int,
        sources: Sources,
    ) -> None:
        classes, configs = len(sources.domains.images.classes), len(rates_b)
        head = LinearHead(sources.feats_nd.shape[1], classes, seed=seed)
        self.dropout = config.method.dropout
        self.weight_dbk = head.weight.detach().T[:, None].repeat(1, configs, 1)
        self.bias_bk = head.bias.detach().repeat(configs, 1)
        self.rate_b1 = torch.from_numpy(rates_b).float()[:, None]
        self.decay_b1 = torch.from_numpy(decays_b).float()[:, None]
        self.moments = [_Moments(self.weight_dbk), _Moments(self.bias_bk)]

    def step(self, feats_nd: Tensor, labels: Tensor) -> None:
        """Take a step of Adam down each head's mean cross-entropy; no bias decays."""
        x_nd = nn.functional.dropout(feats_nd, self.dropout)
        error_nbk = self.logits_nbk(x_nd).softmax(dim=-1)
        error_nbk[torch.arange(len(labels)), :, labels] -= 1
        error_nbk /= len(labels)
        slope_dbk = (x_nd.T @ error_nbk.flatten(1)).view_as(self.weight_dbk)
        slope_dbk += self.decay_b1 * self.weight_dbk
        self.weight_dbk -= self.rate_b1 * self.moments[0].direction(slope_dbk)
        self.bias_bk -= self.rate_b1 * self.moments[1].direction(error_nbk.sum(dim=0))

    def logits_nbk(self, x_nd: Tensor) -> Tensor:
        _, b, k = self.weight_dbk.shape
        return (x_nd @ self.weight_dbk.flatten(1)).view(len(x_nd), b, k) + self.bias_bk

    def macro_f1_b(self, examples: Examples) -> Floats:
        """Return the mean F1 over all classes, 0 for one that neither occurs nor is predicted."""
        k = self.bias_bk.shape[1]
        truth_n1k = nn.functional.one_hot(examples.labels, k)[:, None].float()
        named_nb = self.logits_nbk(examples.feats_nd).argmax(dim=-1)
        named_nbk = nn.functional.one_hot(named_nb, k).float()
        hits_bk = (named_nbk * truth_n1k).sum(dim=0)
        count_bk = named_nbk.sum(dim=0) + truth_n1k.sum(dim=0)
        f1_bk: Tensor = 2 * hits_bk / count_bk.clamp_min(1)
        return f1_bk.double().mean(dim=1).numpy()


class _Moments:
    """Adam's running means of a parameter's slopes, with PyTorch's defaults."""

    def __init__(self, parameter: Tensor) -> None:
        self.mean, self.square = torch.zeros_like(parameter), torch.zeros_like(parameter)
        self.taken = 0

    def direction(self, slope: Tensor) -> Tensor:
        beta1, beta2 = AdamMoments().betas
        self.taken += 1
        self.mean.lerp_(slope, 1 - beta1)
        self.square.mul_(beta2).addcmul_(slope, slope, value=1 - beta2)
        scale = self.square.sqrt().div_(math.sqrt(1 - beta2**self.taken)).add_(AdamMoments().eps)
        return self.mean / scale.mul_(1 - beta1**self.taken)
