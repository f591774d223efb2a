"""Contrastive losses over a whole batch, on one rank or several.

Axes: n pictures of the batch, k classes, d width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from trainables.context import Context
from trainables.generalisation.gathering import gather


def pair_contrastive(z_nd: Tensor, u_nd: Tensor, temperature: float) -> Tensor:
    """Return the sum of both directions of CLIP's loss over pairs of a picture and a text.

    Every other pair is a negative, even of the same class. The sum is not halved, as in the code of
    Baliah et al. (MLMI 2023).

    Args:
        z_nd, u_nd: pictures and texts of the whole batch, of length one.
    """
    logits_nn = temperature * z_nd @ u_nd.T
    own_n = torch.arange(len(z_nd), device=z_nd.device)
    return functional.cross_entropy(logits_nn, own_n) + functional.cross_entropy(logits_nn.T, own_n)


class ClassContrastive(nn.Module):
    """What :func:`pair_contrastive` is where all pictures of a class have the same text.

    Its first half is cross-entropy with the batch's class counts as a prior (balanced softmax) but
    for a constant, its second compares a picture with all pictures of the batch, at its own class.
    The two forms are equal, this one needs no text per picture.
    """

    def __init__(self, context: Context) -> None:
        super().__init__()
        self.context = context

    def forward(self, logits_nk: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of the batch of which these are this rank's rows."""
        logits_nk = gather(logits_nk.float(), self.context)
        labels = gather(labels, self.context)
        count_k = torch.bincount(labels, minlength=logits_nk.shape[1])
        # A class that does not occur counts for nothing: log 0 is -inf, and exp(-inf) is 0.
        among_texts_n = (logits_nk + count_k.log()).logsumexp(dim=1)
        among_pictures_n = logits_nk.logsumexp(dim=0)[labels]
        own_n = logits_nk.gather(1, labels[:, None])[:, 0]
        return (among_texts_n + among_pictures_n - 2 * own_n).mean()
