"""The modules of a classifier that layer-wise analyses look at (Matsoukas et al. 2022).

CNNs: the stem and every block, after the block's last activation. Transformers: the patch embedding
and, of every block, the attention and the MLP branch before they are added to the residual stream.
Norms between them, tokens, position embeddings and patch merging belong to no layer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from torch import nn

from trainables.errors import SelectionError, did_you_mean
from trainables.models.backbone import Backbone

Kind = Literal["stem", "block", "attn", "mlp", "pooled", "head"]

Layout = Literal["map", "tokens", "class_tokens"]
"""Axes of a layer's output: n pictures, d width, h rows, w columns, t tokens, p windows a picture.

* map: (n, d, h, w);
* tokens: the width last: (n, t, d), (n, h, w, d), (n, d), or (n p, t, d) with the windows of a
  picture one after the other, as attention in windows returns them (SAM's as (n p, h, w, d));
* class_tokens: (n, 1 + t, d), the class token first.
"""

HEAD = "fc"
"""The name of the head among the layers, whatever it is called in the model."""

_TRUNK = "backbone.trunk"


@dataclass(frozen=True, kw_only=True, slots=True)
class Layer:
    """One analysed module of a :class:`trainables.models.heads.Classifier`.

    Args:
        name: dotted name in the backbone's trunk, or ``fc``; what results are filed under.
        path: dotted name in the classifier.
    """

    name: str
    path: str
    kind: Kind
    layout: Layout


POOLED = Layer(name="backbone", path="embedding", kind="pooled", layout="tokens")
"""What the last layer reads. It is no layer of its own: only k-NN looks at it too."""


def analysed_layers(backbone: Backbone) -> tuple[Layer, ...]:
    """Return the layers of a classifier on this backbone in network order, the head last.

    Raises:
        SelectionError: nobody has said what the layers of this family are.
    """
    family = backbone.card.family
    if family not in _FAMILIES:
        raise SelectionError(
            f"backbone '{backbone.card.name}' is of family '{family}', whose layers are not "
            f"defined.{did_you_mean(family, _FAMILIES)}"
        )
    head = Layer(name=HEAD, path="head", kind="head", layout="tokens")
    return (*_FAMILIES[family](backbone), head)


def numbered(layers: Sequence[Layer]) -> dict[str, str]:
    """Return layer name -> ``00_conv1``, ...: names that sort in network order."""
    return {layer.name: f"{position:02d}_{layer.name}" for position, layer in enumerate(layers)}


def _trunk_layer(name: str, kind: Kind, layout: Layout) -> Layer:
    return Layer(name=name, path=f"{_TRUNK}.{name}", kind=kind, layout=layout)


def _stem_and_blocks(backbone: Backbone) -> list[Layer]:
    stem = _trunk_layer(backbone.card.stem, "stem", "map")
    return [stem, *(_trunk_layer(name, "block", "map") for name, _ in backbone.blocks())]


def _inception(backbone: Backbone) -> list[Layer]:
    # timm's modules lie side by side, pooling layers and an auxiliary classifier among them.
    children = [name for name, _ in backbone.trunk.named_children()]
    stem, *convs = (name for name in children if name.startswith("Conv2d_"))
    mixed = (name for name in children if name.startswith("Mixed_"))
    blocks = (_trunk_layer(name, "block", "map") for name in (*convs, *mixed))
    return [_trunk_layer(stem, "stem", "map"), *blocks]


def _plain_vit(backbone: Backbone) -> list[Layer]:
    stem = _trunk_layer("patch_embed", "stem", "tokens")
    return [stem, *_branches(backbone.trunk, "class_tokens")]


def _clip(backbone: Backbone) -> list[Layer]:
    stem = _trunk_layer(backbone.card.stem, "stem", "map")
    return [stem, *_branches(backbone.trunk, "class_tokens")]


def _windowed_vit(backbone: Backbone) -> list[Layer]:
    # timm's patch embedding returns (n, h, w, d) here, unlike that of its other transformers.
    stem = _trunk_layer("patch_embed", "stem", "tokens")
    return [stem, *_branches(backbone.trunk, "tokens")]


def _medclip(backbone: Backbone) -> list[Layer]:
    stem = _trunk_layer("model.embeddings.patch_embeddings", "stem", "tokens")
    return [stem, *_branches(backbone.trunk, "tokens", attention="attention")]


def _dinov2_transformers(backbone: Backbone) -> list[Layer]:
    stem = _trunk_layer("embeddings.patch_embeddings", "stem", "tokens")
    return [stem, *_branches(backbone.trunk, "class_tokens", attention="attention")]


def _branches(trunk: nn.Module, layout: Layout, attention: str = "attn") -> list[Layer]:
    """Return attention and MLP of every module that has both, in network order."""
    layers = []
    for name, module in trunk.named_modules():
        if {attention, "mlp"} <= {child for child, _ in module.named_children()}:
            layers.append(_trunk_layer(f"{name}.{attention}", "attn", layout))
            layers.append(_trunk_layer(f"{name}.mlp", "mlp", layout))
    return layers


_FAMILIES: Mapping[str, Callable[[Backbone], list[Layer]]] = MappingProxyType(
    {
        "resnet": _stem_and_blocks,
        "seem": _stem_and_blocks,
        "efficientnet": _stem_and_blocks,
        "inception": _inception,
        "deit": _plain_vit,
        "dinov2": _plain_vit,
        "dinov2_transformers": _dinov2_transformers,
        "clip": _clip,
        "clip_convnext": _stem_and_blocks,
        "densenet": _stem_and_blocks,
        "medclip": _medclip,
        "blip": _plain_vit,
        "swin": _windowed_vit,
        "sam": _windowed_vit,
    }
)
