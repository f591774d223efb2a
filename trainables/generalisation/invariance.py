"""Baselines that use which domain a picture is of, as DomainBed (Gulrajani and Lopez-Paz) has them.

Each lowers the mean over domains of the cross-entropy, and something beside it. What is not a mean
over pictures is computed from the logits or features of the whole batch, on every rank.

Axes: d domains, n pictures, f features, k classes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from trainables.config import seed_from
from trainables.context import Context
from trainables.engine.batches import ImageBatch
from trainables.generalisation.config import MethodConfig
from trainables.generalisation.gathering import gather
from trainables.generalisation.method import Method, Setting
from trainables.generalisation.moments import coral_distance, mmd_distance
from trainables.generalisation.network_method import NetworkMethod, Objective, create_network
from trainables.models.heads import Classifier

Distance = Callable[[Tensor, Tensor], Tensor]


class Annealed(Objective):
    """Mean risk plus a penalty of the domains' logits that counts little at first.

    Args:
        penalty: of logits (n, k) and labels (n), one pair per domain.
        weight: of the penalty from step ``anneal_steps`` on; before, it is 1. Where it jumps, the
            optimizer starts afresh.
    """

    def __init__(
        self,
        penalty: Callable[[Sequence[tuple[Tensor, Tensor]]], Tensor],
        weight: float,
        anneal_steps: int,
        context: Context,
    ) -> None:
        super().__init__()
        self.penalty, self.weight, self.context = penalty, weight, context
        self.anneal_steps = self.restart_step = anneal_steps

    def forward(self, network: Classifier, batches: Sequence[ImageBatch], step: int) -> Tensor:
        logits_nk = network(torch.cat([batch.x_nchw for batch in batches]))
        scored = [
            (gather(part_nk, self.context), gather(batch.labels, self.context))
            for part_nk, batch in zip(logits_nk.chunk(len(batches)), batches, strict=True)
        ]
        weight = self.weight if step >= self.anneal_steps else 1.0
        return domain_risks(scored).mean() + weight * self.penalty(scored)


class GroupDro(Objective):
    """The risk of domains weighted by how badly each has done (Sagawa et al., algorithm 1)."""

    weight_d: Tensor

    def __init__(self, eta: float, domains: int, context: Context) -> None:
        super().__init__()
        self.eta, self.context = eta, context
        self.register_buffer("weight_d", torch.full((domains,), 1 / domains))

    def forward(self, network: Classifier, batches: Sequence[ImageBatch], step: int) -> Tensor:
        del step
        risk_d = domain_risks(
            [
                (gather(network(batch.x_nchw), self.context), gather(batch.labels, self.context))
                for batch in batches
            ]
        )
        raised_d = self.weight_d * (self.eta * risk_d.detach()).exp()
        weight_d = raised_d / raised_d.sum()
        self.weight_d.copy_(weight_d)
        return torch.dot(risk_d, weight_d)


class Mixup(Objective):
    """Cross-entropy of pictures mixed with those of another domain, each domain with one other."""

    def __init__(self, alpha: float, context: Context) -> None:
        super().__init__()
        self.alpha, self.seed = alpha, context.seed

    def forward(self, network: Classifier, batches: Sequence[ImageBatch], step: int) -> Tensor:
        # The same on every rank, whose slices of two domains pair the same pictures as one does.
        rng = np.random.default_rng(seed_from(self.seed, "mixup", step))
        order = rng.permutation(len(batches))
        losses = []
        for one, other in zip(order, np.roll(order, -1), strict=True):
            share = float(rng.beta(self.alpha, self.alpha))
            a, b = batches[one], batches[other]
            logits_nk = network(share * a.x_nchw + (1 - share) * b.x_nchw)
            losses.append(
                share * cross_entropy(logits_nk, a.labels)
                + (1 - share) * cross_entropy(logits_nk, b.labels)
            )
        return torch.stack(losses).mean()


class Matching(Objective):
    """Mean risk plus the mean distance between the features of every two domains."""

    def __init__(self, distance: Distance, weight: float, context: Context) -> None:
        super().__init__()
        self.distance, self.weight, self.context = distance, weight, context

    def forward(self, network: Classifier, batches: Sequence[ImageBatch], step: int) -> Tensor:
        del step
        feats_nf = [gather(network.embed(batch.x_nchw), self.context) for batch in batches]
        labels = [gather(batch.labels, self.context) for batch in batches]
        scored = [(network.head(one), y) for one, y in zip(feats_nf, labels, strict=True)]
        risk = domain_risks(scored).mean()
        # Squares of small differences do not survive 8 bits of mantissa.
        with torch.autocast(risk.device.type, enabled=False):
            apart = [
                self.distance(one.float(), other.float())
                for i, one in enumerate(feats_nf)
                for other in feats_nf[i + 1 :]
            ]
        return risk + self.weight * torch.stack(apart).mean() if apart else risk


def domain_risks(scored: Sequence[tuple[Tensor, Tensor]]) -> Tensor:
    """Return the cross-entropy of every domain's logits and labels, (d)."""
    return torch.stack([cross_entropy(logits_nk, labels) for logits_nk, labels in scored])


def irm_penalty(scored: Sequence[tuple[Tensor, Tensor]]) -> Tensor:
    """Return the mean over domains of the squared slope of the risk in the logits' scale.

    The square is the product of the slopes over pictures 0, 2, ... and 1, 3, ..., which has no
    bias (Arjovsky et al., section 3.2 and appendix D).
    """
    products = []
    for logits_nk, labels in scored:
        scale = torch.ones((), device=logits_nk.device, requires_grad=True)
        slopes = [
            torch.autograd.grad(
                cross_entropy(logits_nk[half::2] * scale, labels[half::2]), scale, create_graph=True
            )[0]
            for half in (0, 1)
        ]
        products.append(slopes[0] * slopes[1])
    return torch.stack(products).mean()


def vrex_penalty(scored: Sequence[tuple[Tensor, Tensor]]) -> Tensor:
    """Return the variance of the risks, divided by the number of domains (Krueger et al.)."""
    return domain_risks(scored).var(correction=0)


def build_irm(config: MethodConfig, setting: Setting) -> Method:
    """Build invariant risk minimisation (Arjovsky et al.)."""
    chosen = config.invariance
    objective = Annealed(irm_penalty, chosen.irm_weight, chosen.anneal_steps, setting.context)
    return _build(objective, config, setting)


def build_vrex(config: MethodConfig, setting: Setting) -> Method:
    """Build risk extrapolation (Krueger et al.)."""
    chosen = config.invariance
    objective = Annealed(vrex_penalty, chosen.vrex_weight, chosen.anneal_steps, setting.context)
    return _build(objective, config, setting)


def build_group_dro(config: MethodConfig, setting: Setting) -> Method:
    """Build distributionally robust optimisation over domains (Sagawa et al.)."""
    objective = GroupDro(config.invariance.group_dro_eta, setting.domains, setting.context)
    return _build(objective, config, setting)


def build_mixup(config: MethodConfig, setting: Setting) -> Method:
    """Build mixing between domains (Yan et al.)."""
    return _build(Mixup(config.invariance.mixup_alpha, setting.context), config, setting)


def build_mmd(config: MethodConfig, setting: Setting) -> Method:
    """Build feature matching by maximum mean discrepancy (Li et al.)."""
    weight = config.invariance.matching_weight
    return _build(Matching(mmd_distance, weight, setting.context), config, setting)


def build_coral(config: MethodConfig, setting: Setting) -> Method:
    """Build feature matching by means and covariances (Sun and Saenko)."""
    weight = config.invariance.matching_weight
    return _build(Matching(coral_distance, weight, setting.context), config, setting)


def _build(objective: Objective, config: MethodConfig, setting: Setting) -> Method:
    return NetworkMethod(create_network(config, setting), objective, config.freeze_norms)
