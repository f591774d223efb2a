"""The loss of language-shaped learning.

Source: Yang et al., NeurIPS 2024, appendix B.2, as their released code computes it.

Axes: n triplets.
"""

from __future__ import annotations

from torch import Tensor


def margin_loss(cosine_n: Tensor, shown_n: Tensor, margin: float) -> Tensor:
    """Return the mean of y max(0, margin - s) + (1 - y) s.

    Where the concept is not shown the cosine is pushed down to -1: there is no other bound.

    Args:
        cosine_n: s, of the picture with the concept.
        shown_n: y, 1 where the picture shows it, else 0.
    """
    missing_n = (margin - cosine_n).clamp_min(0)
    return (shown_n * missing_n + (1 - shown_n) * cosine_n).mean()
