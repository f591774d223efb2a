"""The linear layer of a concept bottleneck, drawn towards what is known of the classes.

Legend: n pictures, c concepts, k classes.
"""

from __future__ import annotations

from torch import Tensor

from trainables.concepts.prior import prior_loss
from trainables.models.heads import LinearHead


class KnoboHead(LinearHead):
    """Concept scores -> logits.

    Source: Yang et al., NeurIPS 2024, equation 2; the bias, which the equation leaves out, is in
    the released code, and free of the prior.

    Args:
        prior_kc: see :func:`trainables.concepts.prior.prior_matrix`.
        prior_weight: weight of the prior's loss beside the cross-entropy.
    """

    prior_kc: Tensor

    def __init__(self, prior_kc: Tensor, prior_weight: float, seed: int) -> None:
        classes, concepts = prior_kc.shape
        super().__init__(concepts, classes, seed)
        # Not in the state: it follows from the config and its data.
        self.register_buffer("prior_kc", prior_kc, persistent=False)
        self.prior_weight = prior_weight

    def penalty(self) -> Tensor:
        """Return what is added to the cross-entropy."""
        return self.prior_weight * prior_loss(self.weight, self.prior_kc)
