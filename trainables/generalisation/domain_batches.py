"""Endless minibatches: one of every source domain per optimizer step, drawn with replacement."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from trainables.config import seed_from
from trainables.context import Context
from trainables.engine.batches import ImageBatch
from trainables.errors import ConfigError
from trainables.generalisation.splits import Domains


def check_batch_size(batch_size: int, context: Context) -> None:
    """Make sure that every rank gets an equal slice of every domain's batch.

    Raises:
        ConfigError: the ranks cannot share a batch equally.
    """
    if batch_size % context.world_size:
        raise ConfigError(
            f"batch_size={batch_size} pictures of a domain cannot be shared equally by "
            f"{context.world_size} workers: take a multiple"
        )


def step_indices(
    sources: Domains, steps: int, batch_size: int, class_balanced: bool, context: Context, seed: int
) -> list[Tensor]:
    """Return what this rank reads in each of some steps, its slices in the order of the domains.

    Args:
        batch_size: pictures of each domain, over all ranks together.
        class_balanced: draw every class that a domain has equally often.
        seed: of these steps.
    """
    columns = []
    for domain in sources.parts:
        generator = torch.Generator().manual_seed(seed_from(seed, domain.environment))
        labels = torch.from_numpy(sources.images.labels[domain.inside])
        chances = balanced_chances(labels) if class_balanced else torch.ones(len(labels)).double()
        drawn = torch.multinomial(chances, steps * batch_size, True, generator=generator)
        rows = torch.from_numpy(domain.inside)[drawn]
        columns.append(rows.view(steps, batch_size)[:, context.rank :: context.world_size])
    return list(torch.cat(columns, dim=1))


def balanced_chances(labels: Tensor) -> Tensor:
    """Return a chance per picture that gives each class that occurs the same share."""
    counts = torch.bincount(labels)
    return 1 / (counts[labels].double() * (counts > 0).sum())


def by_domain(batch: ImageBatch, domains: int) -> Sequence[ImageBatch]:
    """Part a batch that holds equally many pictures of every domain, one after the other."""
    pictures, labels = batch.x_nchw.chunk(domains), batch.labels.chunk(domains)
    return [ImageBatch(x_nchw, y) for x_nchw, y in zip(pictures, labels, strict=True)]
