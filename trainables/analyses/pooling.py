"""From a layer's output to one row per picture: pooled for neighbours, whole for similarity.

Legend: n pictures, t tokens or places, d width; see :data:`trainables.analyses.layers.Layout`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor

from trainables.analyses.layers import Layout

FeatureKind = Literal["all", "cls", "patches"]
"""The class token, the other tokens, or everything; layers without class token only have all."""

FEATURE_KINDS: tuple[FeatureKind, ...] = ("all", "cls", "patches")


def kinds_of(layout: Layout) -> tuple[FeatureKind, ...]:
    """Return the kinds of features that a layer of this layout has."""
    return FEATURE_KINDS if layout == "class_tokens" else ("all",)


def pool(output: Tensor, layout: Layout, n: int) -> Tensor:
    """Return one feature per picture: the mean over places or tokens.

    With a class token it is the class token beside the mean of the others, (n, 2 d): see
    :func:`split_kinds`. The logits of a head stay as they are.
    """
    tokens_ntd = _per_picture(output, layout, n)
    if layout == "class_tokens":
        return torch.cat([tokens_ntd[:, 0], tokens_ntd[:, 1:].mean(dim=1)], dim=1)
    return tokens_ntd.mean(dim=1)


def split_kinds(pooled: Tensor, layout: Layout) -> dict[FeatureKind, Tensor]:
    """Return views of what :func:`pool` made, by kind of feature."""
    if layout != "class_tokens":
        return {"all": pooled}
    cls_nd, patches_nd = pooled.chunk(2, dim=1)
    return {"all": pooled, "cls": cls_nd, "patches": patches_nd}


def flatten(output: Tensor, layout: Layout, n: int) -> Mapping[FeatureKind, Tensor]:
    """Return every number of a picture as one row, by kind of feature."""
    # A picture's numbers may lie in any order, as long as it is the same for every picture.
    whole_nd = output.reshape(n, -1)
    if layout != "class_tokens":
        return {"all": whole_nd}
    return {"all": whole_nd, "cls": output[:, 0], "patches": output[:, 1:].reshape(n, -1)}


def _per_picture(output: Tensor, layout: Layout, n: int) -> Tensor:
    """Return tokens_ntd; a picture's only vector is one token."""
    if layout == "map":
        return output.flatten(2).transpose(1, 2)
    return output.reshape(n, -1, output.shape[-1])
