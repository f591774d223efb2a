"""Draw random weights from a seed without disturbing anybody else's random numbers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed the CPU generator inside the block and restore it afterwards.

    ``torch.manual_seed`` would also reseed every GPU, which forking does not undo; weights are
    drawn on the CPU, so only its generator is touched.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield
