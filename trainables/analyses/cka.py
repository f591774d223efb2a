"""Similarity of features: linear CKA with the unbiased estimator, over minibatches.

Song et al. 2012 (the estimator, without diagonals), Kornblith et al. 2019 (CKA),
Matsoukas et al. 2022 (each minibatch's CKA counts the same, also a smaller last one's),
Nguyen et al. 2021 (HSIC summed over minibatches before it is divided).

Legend: n pictures of a minibatch, d or e numbers per picture, l layers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from trainables.analyses.analysis_config import LEAST_PICTURES, Aggregate
from trainables.analyses.capture import capture_reduced
from trainables.analyses.layers import Layer, Layout
from trainables.analyses.pooling import FEATURE_KINDS, FeatureKind, flatten, kinds_of
from trainables.errors import DatasetError

Pair = tuple[str, str]
Similarity = dict[Pair, dict[FeatureKind, Tensor]]
"""(model of the rows, model of the columns) -> kind of feature -> CKA, float64 (l, l)."""

WITHIN: tuple[Pair, ...] = (("trained", "trained"), ("trained", "initial"), ("initial", "initial"))
"""What is compared within one model: its trained and its initial state."""

_TOO_FEW = f"CKA needs a batch of at least {LEAST_PICTURES} pictures"


def unbiased_cka(x_nd: Tensor, y_nd: Tensor) -> float:
    """Return the similarity of two sets of features of the same pictures.

    At most 1, may be negative; NaN when all pictures have the same features.

    Raises:
        ValueError: fewer than four pictures, or not the same number of them.
    """
    if len(x_nd) != len(y_nd) or len(x_nd) < LEAST_PICTURES:
        raise ValueError(f"CKA needs {LEAST_PICTURES} pairs, got {len(x_nd)} and {len(y_nd)} rows")
    return float((unit_gram(x_nd) * unit_gram(y_nd)).sum())


def summed_cka(batches: Iterable[tuple[Tensor, Tensor]]) -> float:
    """Return the similarity of two sets of features whose HSIC is summed over minibatches.

    At most 1, may be negative; NaN when all pictures of every minibatch have the same features.

    Args:
        batches: features x_nd and y_ne of the same pictures; those of fewer than four pictures are
            left out.

    Raises:
        DatasetError: no batch has four pictures.
    """
    xy, xx, yy = torch.zeros(3, dtype=torch.float64)
    counted = False
    for x_nd, y_ne in batches:
        if len(x_nd) < LEAST_PICTURES:
            continue
        counted = True
        x_nn, y_nn = hsic_gram(x_nd), hsic_gram(y_ne)
        xy, xx, yy = xy + (x_nn * y_nn).sum(), xx + x_nn.square().sum(), yy + y_nn.square().sum()
    if not counted:
        raise DatasetError(_TOO_FEW)
    return float(xy / (xx * yy).sqrt())


def unit_gram(feats_nd: Tensor) -> Tensor:
    """Return the centred Gram matrix divided by its norm, float64 (n, n)."""
    centred_nn = _centred_gram(feats_nd)
    norm: Tensor = torch.linalg.matrix_norm(centred_nn)
    return centred_nn / norm


def hsic_gram(feats_nd: Tensor) -> Tensor:
    """Return the centred Gram matrix, float64 (n, n), scaled so that inner products are HSIC.

    Without bias: Song et al. 2012, equation 5.
    """
    n = len(feats_nd)
    return _centred_gram(feats_nd) / math.sqrt(n * (n - 3))


def centre(gram_nn: Tensor) -> Tensor:
    """Return the Gram matrix, float64, without its diagonal and with rows that sum to zero."""
    n = len(gram_nn)
    gram_nn = gram_nn.to(torch.float64, copy=True).fill_diagonal_(0)
    mean_n = gram_nn.sum(dim=1) / (n - 2)
    mean_n = mean_n - mean_n.sum() / (2 * (n - 1))
    return (gram_nn - mean_n[:, None] - mean_n[None, :]).fill_diagonal_(0)


def _centred_gram(feats_nd: Tensor) -> Tensor:
    # Where the origin lies is nothing to HSIC, but much to rounding: equal rows must give zeros.
    feats_nd = feats_nd - feats_nd[0]
    return centre(feats_nd @ feats_nd.T)


def layer_similarity(
    models: Mapping[str, nn.Module],
    pairs: Sequence[Pair],
    layers: Sequence[Layer],
    batches: Iterable[Tensor],
    aggregate: Aggregate = "mean",
) -> Similarity:
    """Compare every layer with every layer, for pairs of models of one architecture.

    Every model sees every batch once; of a batch only its inner products are kept. A layer without
    some kind of feature has zeros in its row and column of that kind.

    Args:
        models: by the name the pairs use: :data:`WITHIN` for one model before and after
            training, or two trained ones.
        layers: without the head.
        batches: normalised pictures x_nchw; those of fewer than four pictures are left out.
        aggregate: the mean of the batches' CKA, or the CKA of HSIC summed over batches.

    Raises:
        DatasetError: no batch has four pictures.
    """
    totals = _Totals(pairs)
    gram_of = unit_gram if aggregate == "mean" else hsic_gram
    for x_nchw in batches:
        if len(x_nchw) >= LEAST_PICTURES:
            totals.add({k: _grams(model, layers, x_nchw, gram_of) for k, model in models.items()})
    return totals.similarity(layers)


class _Totals:
    """Inner products of Gram matrices, summed over minibatches."""

    def __init__(self, pairs: Sequence[Pair]) -> None:
        self.products: Similarity = {pair: {} for pair in pairs}
        self.squares: dict[str, dict[FeatureKind, Tensor]] = {}

    def add(self, grams: Mapping[str, Mapping[FeatureKind, Tensor]]) -> None:
        """Count a minibatch: flattened Gram matrices (l, n n), by model and kind."""
        for name, kinds in grams.items():
            squares = {kind: rows_ln.square().sum(dim=1) for kind, rows_ln in kinds.items()}
            _add(self.squares.setdefault(name, {}), squares)
        for (rows, columns), total in self.products.items():
            columns_ln = grams[columns]
            _add(total, {kind: ln @ columns_ln[kind].T for kind, ln in grams[rows].items()})

    def similarity(self, layers: Sequence[Layer]) -> Similarity:
        """Return the products divided by the norms.

        Unit matrices have squares that sum to the number of minibatches, which makes it a mean.
        """
        if not self.squares:
            raise DatasetError(_TOO_FEW)
        found: Similarity = {pair: {} for pair in self.products}
        for (rows, columns), total in self.products.items():
            for kind, products_ll in total.items():
                rows_l, columns_l = self.squares[rows][kind], self.squares[columns][kind]
                cka_ll = products_ll / (rows_l[:, None] * columns_l).sqrt()
                there_l = torch.tensor(
                    [kind in kinds_of(layer.layout) for layer in layers], device=cka_ll.device
                )
                found[rows, columns][kind] = torch.where(there_l[:, None] & there_l, cka_ll, 0)
        return found


def _add(total: dict[FeatureKind, Tensor], part: Mapping[FeatureKind, Tensor]) -> None:
    for kind, tensor in part.items():
        total[kind] = total[kind] + tensor if kind in total else tensor


def _grams(
    model: nn.Module,
    layers: Sequence[Layer],
    x_nchw: Tensor,
    gram_of: Callable[[Tensor], Tensor],
) -> dict[FeatureKind, Tensor]:
    """Return the flattened Gram matrices of all layers, (l, n n), by kind."""
    n = len(x_nchw)

    def of_kinds(output: Tensor, layout: Layout) -> dict[FeatureKind, Tensor]:
        return {kind: gram_of(rows_nd) for kind, rows_nd in flatten(output, layout, n).items()}

    reducers = {layer.path: partial(of_kinds, layout=layer.layout) for layer in layers}
    found = capture_reduced(model, reducers, x_nchw)
    grams = [found[layer.path] for layer in layers]
    zero_nn = torch.zeros(n, n, dtype=torch.float64, device=x_nchw.device)
    return {
        kind: torch.stack([gram.get(kind, zero_nn).flatten() for gram in grams])
        for kind in FEATURE_KINDS
        if any(kind in gram for gram in grams)
    }
