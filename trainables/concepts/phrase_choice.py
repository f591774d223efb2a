"""Which phrases of a class a bottleneck of phrases keeps.

Source: LaBo (Yang et al., CVPR 2023), as its code computes it. Phrases are added one by one, each
time the one that raises most

    information_weight * sum of what each tells of the classes + coverage_weight * coverage,

coverage being, over all phrases of the class, the sum of the largest cosine with a kept one. Such a
sum is submodular, so that the greedy choice comes close to the best.

Legend: n pictures, m phrases, d width, k classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

_LEAST_SCORE = 1e-8


def information(unit_nd: Tensor, labels_n: NDArray[Any], phrases_md: Tensor, k: int) -> Tensor:
    """Return how much each phrase tells of the classes, (m).

    A phrase's mean cosines with the pictures of each class, taken as if they were the joint
    probability of phrase and class; a mean below 0, which has no logarithm, counts as 1e-8.

    Args:
        unit_nd, phrases_md: vectors of length one.
    """
    labels = torch.tensor(labels_n)
    means = [unit_nd[labels == label].mean(dim=0) for label in range(k)]
    score_mk = (phrases_md @ torch.stack(means).T).double().clamp_min(_LEAST_SCORE)
    joint_mk = score_mk / (k * score_mk.sum(dim=0))
    independent_m1 = joint_mk.sum(dim=1, keepdim=True) / k
    return (joint_mk * (joint_mk / independent_m1).log()).sum(dim=1)


def choose_phrases(
    information_m: Tensor,
    phrases_md: Tensor,
    most: int,
    information_weight: float,
    coverage_weight: float,
) -> list[int]:
    """Return the places of at most so many phrases of one class, the most valuable first.

    Equal ones are taken in their order.
    """
    # Cosines below 0 cover nothing.
    cosine_mm = (phrases_md @ phrases_md.T).double().clamp_min(0)
    covered_m = torch.zeros(len(phrases_md), dtype=torch.float64)
    chosen: list[int] = []
    for _ in range(min(most, len(phrases_md))):
        coverage_m = torch.maximum(cosine_mm, covered_m).sum(dim=1) - covered_m.sum()
        gain_m = information_weight * information_m + coverage_weight * coverage_m
        gain_m[chosen] = -torch.inf
        best = int(gain_m.argmax())
        chosen.append(best)
        covered_m = torch.maximum(covered_m, cosine_mm[best])
    return chosen


def chosen_by_class(
    information_m: Tensor,
    phrases: Sequence[Tensor],
    most: int,
    information_weight: float,
    coverage_weight: float,
) -> list[list[int]]:
    """Choose for every class among its phrases.

    Args:
        information_m: of the phrases of all classes, class by class.
        phrases: of each class, vectors of length one.
    """
    parts = torch.split(information_m, [len(of_class) for of_class in phrases])
    return [
        choose_phrases(told, of_class, most, information_weight, coverage_weight)
        for told, of_class in zip(parts, phrases, strict=True)
    ]
