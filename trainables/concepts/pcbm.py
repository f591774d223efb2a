"""Post-hoc concept bottlenecks with a residual on the feature itself (PCBM-h).

Source: Yuksekgonul et al., ICLR 2023; as a baseline, Yang et al., NeurIPS 2024, appendix B.2.

Legend: n pictures, c concepts, d feature columns, k classes.
"""

from __future__ import annotations

from typing import Any

import torch
from numpy.typing import NDArray
from sklearn.linear_model import SGDClassifier
from threadpoolctl import threadpool_limits
from torch import Tensor, nn

from trainables.models.seeding import seeded

# What post-hoc-cbm's training script sets.
_STRENGTH = 1e-5
_L1_SHARE = 0.99
_MAX_ITER = 10_000


class PcbmHead(nn.Module):
    """Concept scores, then feature columns, side by side -> the sum of two linear layers.

    Args:
        sparse: (weight_kc, bias_k) of a bottleneck that was fitted before and stays; None trains
            both layers together, as KnoBo's released code does.
        residual_l2: weight of the mean square of the residual's weights in the loss.
    """

    def __init__(
        self,
        concepts: int,
        columns: int,
        classes: int,
        *,
        sparse: tuple[Tensor, Tensor] | None,
        residual_l2: float,
        seed: int,
    ) -> None:
        super().__init__()
        with seeded(seed):
            self.bottleneck = nn.Linear(concepts, classes)
            self.residual = nn.Linear(columns, classes)
        self.concepts, self.residual_l2 = concepts, residual_l2
        if sparse is not None:
            with torch.no_grad():
                self.bottleneck.weight.copy_(sparse[0])
                self.bottleneck.bias.copy_(sparse[1])
            self.bottleneck.requires_grad_(False)

    def forward(self, x_nd: Tensor) -> Tensor:
        """Return logits_nk of concept scores and feature columns, (n, concepts + columns)."""
        scores_nc, columns_nd = x_nd[:, : self.concepts], x_nd[:, self.concepts :]
        logits_nk: Tensor = self.bottleneck(scores_nc) + self.residual(columns_nd)
        return logits_nk

    def penalty(self) -> Tensor:
        """Return what is added to the cross-entropy."""
        return self.residual_l2 * self.residual.weight.square().mean()


def fit_sparse(scores_nc: Tensor, labels_n: NDArray[Any], seed: int) -> tuple[Tensor, Tensor]:
    """Fit a sparse bottleneck, one class against the others; return weight_kc and bias_k."""
    model = SGDClassifier(
        loss="log_loss",
        penalty="elasticnet",
        alpha=_STRENGTH,
        l1_ratio=_L1_SHARE,
        max_iter=_MAX_ITER,
        random_state=seed,
    )
    with threadpool_limits(torch.get_num_threads()):
        model.fit(scores_nc.double().numpy(), labels_n)
    weight, bias = torch.from_numpy(model.coef_).float(), torch.from_numpy(model.intercept_).float()
    if len(weight) == 1:
        # Two classes have one logit, that of the second; the first one's is zero.
        weight, bias = torch.cat([0 * weight, weight]), torch.cat([0 * bias, bias])
    return weight, bias
