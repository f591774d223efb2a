"""The association of phrases with classes.

Source: LaBo (Yang et al., CVPR 2023), equation 3 and its code.

Legend: n pictures, m phrases, k classes.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

_SCALE = 100.0


class PhraseHead(nn.Module):
    """Cosines with phrases -> logits: 100 times their mean, weighted by class.

    Args:
        class_m: the class that each phrase is about; it starts with more weight there.
        classes: how many there are.
    """

    def __init__(self, class_m: Tensor, classes: int) -> None:
        super().__init__()
        start_mk = nn.functional.one_hot(class_m, classes)
        self.association_km = nn.Parameter(start_mk.T.float())

    @property
    def weight_km(self) -> Tensor:
        """How much each phrase counts for each class; those of a class add up to 1."""
        return self.association_km.detach().softmax(dim=1)

    def forward(self, cosines_nm: Tensor) -> Tensor:
        """Return logits_nk."""
        logits_nk: Tensor = _SCALE * cosines_nm @ torch.softmax(self.association_km, dim=1).T
        return logits_nk
