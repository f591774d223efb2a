"""k nearest neighbours on the features of every layer (Matsoukas et al. 2022).

Legend: n stored pictures (the bank), m queries, d feature width, k neighbours, c classes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from trainables.analyses.capture import capture_reduced
from trainables.analyses.layers import Layer
from trainables.analyses.pooling import FeatureKind, pool, split_kinds
from trainables.data.card import Task
from trainables.errors import ConfigError, DatasetError

LayerTensors = dict[str, dict[FeatureKind, Tensor]]
"""Layer name -> kind of feature -> tensor."""

_NUMBERS = 2**27  # in one intermediate tensor; 0.5 GB in float32


@dataclass(frozen=True, kw_only=True, slots=True)
class Vote:
    """How neighbours vote.

    Args:
        classes: how many.
        k: neighbours; a smaller bank votes as a whole.
        temperature: a neighbour weighs exp(cosine similarity / temperature).
        strict: squash the shares once more by softmax or sigmoid, as the published code did. A
            multilabel share above zero then counts as a positive decision.
    """

    task: Task
    classes: int
    k: int = 200
    temperature: float = 0.1
    strict: bool = False

    def __post_init__(self) -> None:
        if self.k < 1 or self.temperature <= 0:
            raise ConfigError(
                f"k must be at least 1 and temperature above 0, got {self.k} and {self.temperature}"
            )


def layer_features(
    model: nn.Module, layers: Sequence[Layer], batches: Iterable[Tensor]
) -> LayerTensors:
    """Return the pooled features (n, d) of every layer and kind, on the CPU, from one pass.

    Args:
        layers: see :func:`trainables.analyses.layers.analysed_layers`.
        batches: normalised pictures x_nchw on the model's device.

    Raises:
        DatasetError: there is no batch.
    """
    parts: dict[str, list[Tensor]] = {layer.path: [] for layer in layers}
    for x_nchw in batches:
        reducers = {
            layer.path: partial(pool, layout=layer.layout, n=len(x_nchw)) for layer in layers
        }
        for path, pooled_nd in capture_reduced(model, reducers, x_nchw).items():
            parts[path].append(pooled_nd.cpu())
    if any(not part for part in parts.values()):
        raise DatasetError("there are no pictures to take features of")
    return {
        layer.name: split_kinds(torch.cat(parts.pop(layer.path)), layer.layout) for layer in layers
    }


def layerwise_probabilities(
    bank: LayerTensors, labels: Tensor, queries: LayerTensors, vote: Vote, device: str = "cpu"
) -> LayerTensors:
    """Return what the neighbours of every query say, by layer and kind: probabilities (m, c).

    Args:
        bank, queries: from :func:`layer_features`.
        labels: of the bank: class numbers (n) or, for multilabel, zeros and ones (n, c).
        device: where similarities are computed, one layer at a time.

    Raises:
        DatasetError: labels and bank differ in length.
    """
    multilabel = vote.task == "multilabel"
    targets_nc = labels if multilabel else functional.one_hot(labels.long(), vote.classes)
    found: LayerTensors = {}
    for name, kinds in queries.items():
        found[name] = {}
        for kind, query_md in kinds.items():
            bank_nd = functional.normalize(bank[name][kind].to(device), dim=1)
            query_md = functional.normalize(query_md.to(device), dim=1)
            shares_mc = vote_shares(bank_nd, targets_nc.to(device), query_md, vote)
            found[name][kind] = (_squash(shares_mc, vote) if vote.strict else shares_mc).cpu()
    return found


def vote_shares(bank_nd: Tensor, targets_nc: Tensor, query_md: Tensor, vote: Vote) -> Tensor:
    """Return shares_mc: how much of its neighbours' weight says yes to each class.

    Args:
        bank_nd, query_md: features of length one; their precision is that of the result.
        targets_nc: zeros and ones; a row may have several ones.

    Raises:
        DatasetError: targets and bank differ in length.
    """
    if len(targets_nc) != len(bank_nd):
        raise DatasetError(f"{len(targets_nc)} labels for a bank of {len(bank_nd)} pictures")
    k = min(vote.k, len(bank_nd))
    targets_nc = targets_nc.to(bank_nd.dtype)
    rows = max(1, _NUMBERS // max(len(bank_nd), k * vote.classes))
    parts = []
    for part_md in torch.split(query_md, rows):
        similarity_mk, index_mk = (part_md @ bank_nd.T).topk(k, dim=1)
        # Softmax is the exponential weight already divided by its sum, without overflow.
        weight_mk = (similarity_mk / vote.temperature).softmax(dim=1)
        parts.append(torch.einsum("mk,mkc->mc", weight_mk, targets_nc[index_mk]))
    return torch.cat(parts)


def _squash(shares_mc: Tensor, vote: Vote) -> Tensor:
    return shares_mc.sigmoid() if vote.task == "multilabel" else shares_mc.softmax(dim=1)
