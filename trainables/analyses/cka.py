"""Similarity of layers: linear CKA with the unbiased estimator, averaged over minibatches.

Song et al. 2012 (the estimator, without diagonals), Kornblith et al. 2019 (CKA),
Matsoukas et al. 2022 (each minibatch's CKA counts the same, also a smaller last one's).

Legend: n pictures of a minibatch, d numbers per picture, l layers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from trainables.analyses.analysis_config import LEAST_PICTURES
from trainables.analyses.capture import capture_reduced
from trainables.analyses.layers import Layer, Layout
from trainables.analyses.pooling import FEATURE_KINDS, FeatureKind, flatten
from trainables.errors import DatasetError

Pair = tuple[str, str]
Similarity = dict[Pair, dict[FeatureKind, Tensor]]
"""(model of the rows, model of the columns) -> kind of feature -> CKA, float64 (l, l)."""

WITHIN: tuple[Pair, ...] = (("trained", "trained"), ("trained", "initial"), ("initial", "initial"))
"""What is compared within one model: its trained and its initial state."""


def unbiased_cka(x_nd: Tensor, y_nd: Tensor) -> float:
    """Return the similarity of two sets of features of the same pictures.

    At most 1, may be negative; NaN when all pictures have the same features.

    Raises:
        ValueError: fewer than four pictures, or not the same number of them.
    """
    if len(x_nd) != len(y_nd) or len(x_nd) < LEAST_PICTURES:
        raise ValueError(f"CKA needs {LEAST_PICTURES} pairs, got {len(x_nd)} and {len(y_nd)} rows")
    return float((unit_gram(x_nd) * unit_gram(y_nd)).sum())


def unit_gram(feats_nd: Tensor) -> Tensor:
    """Return the centred Gram matrix divided by its norm, float64 (n, n)."""
    centred_nn = centre(feats_nd @ feats_nd.T)
    norm: Tensor = torch.linalg.matrix_norm(centred_nn)
    return centred_nn / norm


def centre(gram_nn: Tensor) -> Tensor:
    """Return the Gram matrix, float64, without its diagonal and with rows that sum to zero."""
    n = len(gram_nn)
    gram_nn = gram_nn.to(torch.float64, copy=True).fill_diagonal_(0)
    mean_n = gram_nn.sum(dim=1) / (n - 2)
    mean_n = mean_n - mean_n.sum() / (2 * (n - 1))
    return (gram_nn - mean_n[:, None] - mean_n[None, :]).fill_diagonal_(0)


def layer_similarity(
    models: Mapping[str, nn.Module],
    pairs: Sequence[Pair],
    layers: Sequence[Layer],
    batches: Iterable[Tensor],
) -> Similarity:
    """Compare every layer with every layer, for pairs of models of one architecture.

    Every model sees every batch once, and only Gram matrices are kept. A layer without some kind
    of feature has zeros in its row and column of that kind.

    Args:
        models: by the name the pairs use: :data:`WITHIN` for one model before and after
            training, or two trained ones.
        layers: without the head.
        batches: normalised pictures x_nchw; those of fewer than four pictures are left out.

    Raises:
        DatasetError: no batch has four pictures.
    """
    sums: Similarity = {pair: {} for pair in pairs}
    count = 0
    for x_nchw in batches:
        if len(x_nchw) < LEAST_PICTURES:
            continue
        count += 1
        grams = {name: _unit_grams(model, layers, x_nchw) for name, model in models.items()}
        for rows, columns in pairs:
            total = sums[rows, columns]
            for kind, rows_ln in grams[rows].items():
                # Inner products of matrices of norm one.
                cka_ll = rows_ln @ grams[columns][kind].T
                total[kind] = total[kind] + cka_ll if kind in total else cka_ll
    if not count:
        raise DatasetError(f"CKA needs a batch of at least {LEAST_PICTURES} pictures")
    return {
        pair: {kind: total / count for kind, total in kinds.items()} for pair, kinds in sums.items()
    }


def _unit_grams(
    model: nn.Module, layers: Sequence[Layer], x_nchw: Tensor
) -> dict[FeatureKind, Tensor]:
    """Return the flattened unit Gram matrices of all layers, (l, n n), by kind."""
    n = len(x_nchw)
    reducers = {layer.path: partial(_grams_of_kinds, layout=layer.layout, n=n) for layer in layers}
    found = capture_reduced(model, reducers, x_nchw)
    grams = [found[layer.path] for layer in layers]
    zero_nn = torch.zeros(n, n, dtype=torch.float64, device=x_nchw.device)
    return {
        kind: torch.stack([gram.get(kind, zero_nn).flatten() for gram in grams])
        for kind in FEATURE_KINDS
        if any(kind in gram for gram in grams)
    }


def _grams_of_kinds(output: Tensor, layout: Layout, n: int) -> dict[FeatureKind, Tensor]:
    return {kind: unit_gram(rows_nd) for kind, rows_nd in flatten(output, layout, n).items()}
