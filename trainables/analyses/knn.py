"""k nearest neighbours on features by cosine similarity.

Legend: n stored cases, m queries, d feature width, k neighbours, c classes.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from trainables.errors import ConfigError

_CHUNK = 4096  # queries at once; 4096 x 50 000 stored similarities are 0.8 GB


def knn_votes(
    stored_nd: Tensor,
    labels_n: Tensor,
    query_md: Tensor,
    *,
    k: int,
    classes: int,
    temperature: float | None = None,
) -> Tensor:
    """Return votes_mc: the share of the votes of its k neighbours that each class gets.

    Args:
        temperature: a neighbour's vote weighs exp(similarity / temperature), as in DINO
            (Caron et al. 2021, appendix F.1); None counts every neighbour once.

    Raises:
        ConfigError: there are fewer stored cases than neighbours asked for.
    """
    if not 0 < k <= len(stored_nd):
        raise ConfigError(f"k must be between 1 and the {len(stored_nd)} training cases, got {k}")
    bank_nd = functional.normalize(stored_nd.float(), dim=1)
    parts = [
        _votes(
            bank_nd, labels_n, functional.normalize(part.float(), dim=1), k, classes, temperature
        )
        for part in torch.split(query_md, _CHUNK)
    ]
    return torch.cat(parts)


def _votes(
    bank_nd: Tensor,
    labels_n: Tensor,
    query_md: Tensor,
    k: int,
    classes: int,
    temperature: float | None,
) -> Tensor:
    similarity_mk, index_mk = (query_md @ bank_nd.T).topk(k, dim=1)
    if temperature is None:
        weight_mk = torch.full_like(similarity_mk, 1 / k)
    else:
        # Softmax is the exponential weight already divided by its sum, without overflow.
        weight_mk = (similarity_mk / temperature).softmax(dim=1)
    votes_mc = torch.zeros(len(query_md), classes, device=query_md.device)
    return votes_mc.scatter_add_(1, labels_n[index_mk], weight_mk)
