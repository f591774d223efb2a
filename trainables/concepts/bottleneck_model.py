"""A trained concept bottleneck: which concepts a picture shows, and what they say of its class.

Legend: n pictures, c concepts, d feature width, k classes.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True, kw_only=True, slots=True)
class ConceptScores:
    """From features to one score per concept.

    Args:
        names: the concepts.
        weight_cd, bias_c: of their grounding functions; or their words as vectors of length one,
            and zeros.
        probable: whether a score is the probability that a picture shows the concept; else it is
            the cosine with its words.
    """

    names: tuple[str, ...]
    weight_cd: Tensor
    bias_c: Tensor
    probable: bool

    def of(self, feats_nd: Tensor) -> Tensor:
        """Return scores_nc of features of any length."""
        scores_nc = functional.normalize(feats_nd, dim=1) @ self.weight_cd.T + self.bias_c
        return scores_nc.sigmoid() if self.probable else scores_nc


@dataclass(frozen=True, kw_only=True, slots=True)
class Bottleneck:
    """Linear layers on the scores, and on the feature where there is a residual.

    Args:
        classes: in the order of the labels.
        weight_kc: how much each concept speaks for each class.
        residual_kd: of the feature of length one; None without a residual.
    """

    classes: tuple[str, ...]
    scores: ConceptScores
    weight_kc: Tensor
    bias_k: Tensor
    residual_kd: Tensor | None = None

    def contributions(self, feats_nd: Tensor) -> Tensor:
        """Return what each concept adds to the logit of each class, (n, k, c)."""
        return self.scores.of(feats_nd)[:, None, :] * self.weight_kc

    def logits(self, feats_nd: Tensor) -> Tensor:
        """Return logits_nk: contributions, the bias, and what the residual adds."""
        logits_nk = self.scores.of(feats_nd) @ self.weight_kc.T + self.bias_k
        if self.residual_kd is None:
            return logits_nk
        return logits_nk + functional.normalize(feats_nd, dim=1) @ self.residual_kd.T

    def probabilities(self, feats_nd: Tensor) -> Tensor:
        """Return probabilities_nk of the classes."""
        return self.logits(feats_nd).softmax(dim=1)
