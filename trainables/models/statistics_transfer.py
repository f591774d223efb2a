"""Keep weights up to a depth and only their statistics beyond it (Matsoukas et al. 2022, WT-ST-n).

Every weight and bias of a later convolution or linear layer is drawn anew from a normal
distribution with the mean and standard deviation of the whole tensor; later norms start afresh.
What is neither, such as class tokens, position embeddings and tables of relative positions, keeps
its weights at every level, as in the published code. Level -3, our own, draws that too.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from trainables.config import BackboneRef, seed_from
from trainables.models.backbone import Backbone
from trainables.models.card import EMBEDDINGS_DRAWN, NOTHING_KEPT

_SAMPLED = (nn.Linear, nn.Conv2d)
_RESET = (nn.LayerNorm, _BatchNorm)


def transfer_seed(ref: BackboneRef, replicate: int) -> int:
    """Return the seed of the draw: one for each set of weights and replicate, for all levels."""
    return seed_from("statistics_transfer", ref.card, ref.weights, replicate)


def transfer_statistics(backbone: Backbone, level: int, seed: int) -> None:
    """Redraw, in place, what lies deeper than a transfer level.

    Args:
        level: of the backbone's card; -2 keeps only what is neither layer nor norm, -3 nothing.
        seed: two levels with one seed differ only in the groups that one of them keeps.
    """
    for name, module in _modules_lost(backbone, level):
        if isinstance(module, _RESET):
            module.reset_parameters()
        else:
            for kind, tensor in module.named_parameters(recurse=False):
                redraw(tensor, seed_from(seed, name, kind))


def redraw(tensor: Tensor, seed: int) -> None:
    """Fill a parameter with normal numbers of its own mean and (n - 1) standard deviation."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        noise = torch.randn(tensor.shape, generator=generator, dtype=tensor.dtype)
        std, mean = torch.std_mean(tensor)
        tensor.copy_(mean + std * noise)


def kept_elements(backbone: Backbone, level: int) -> int:
    """Return how many trainable numbers keep their weights at a transfer level."""
    total = sum(p.numel() for p in backbone.parameters())
    lost = sum(
        p.numel()
        for _, module in _modules_lost(backbone, level)
        for p in module.parameters(recurse=False)
    )
    return total - lost


def _modules_lost(backbone: Backbone, level: int) -> Iterator[tuple[str, nn.Module]]:
    """Yield the modules whose own weights are not kept, with their dotted names in the trunk."""
    trunk: nn.Module = backbone.trunk
    for group in backbone.card.transfer_groups[max(level, NOTHING_KEPT) + 2 :]:
        for prefix in group:
            for name, module in trunk.get_submodule(prefix).named_modules(prefix=prefix):
                if isinstance(module, _SAMPLED + _RESET):
                    yield name, module
    if level == EMBEDDINGS_DRAWN:
        for name, module in trunk.named_modules():
            if not isinstance(module, _SAMPLED + _RESET):
                yield name, module
