"""How the prompts of a class are made into one score of a picture.

Legend: n pictures, p prompts of a class, d width, k classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

if TYPE_CHECKING:
    from trainables.zero_shot import Rule


def class_scores(unit_nd: Tensor, prompts: Sequence[Tensor], rule: Rule) -> Tensor:
    """Return scores_nk in [-1, 1].

    Args:
        unit_nd: pictures, vectors of length one.
        prompts: of each class unit_pd, vectors of length one; at least one each.
        rule: see :class:`trainables.zero_shot.Config`.
    """
    if rule == "mean_embedding":
        means = [functional.normalize(unit_pd.mean(dim=0), dim=0) for unit_pd in prompts]
        return unit_nd @ torch.stack(means).T
    cosines = [unit_nd @ unit_pd.T for unit_pd in prompts]
    if rule == "max_similarity":
        return torch.stack([cosines_np.amax(dim=1) for cosines_np in cosines], dim=1)
    return torch.stack([cosines_np.mean(dim=1) for cosines_np in cosines], dim=1)
