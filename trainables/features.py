"""Frozen features, computed once per weights, pictures, transform and layer, for all trials.

Legend: n pictures, d feature width.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from trainables.config import BackboneRef, canonical, seed_from
from trainables.context import Context
from trainables.data.artifact_store import load_arrays, save_arrays
from trainables.data.image_set import ImageSet
from trainables.data.transforms import EvalTransform
from trainables.engine.config import Precision
from trainables.engine.evaluation import predict_logits
from trainables.engine.placement import place
from trainables.models.backbone import Backbone
from trainables.models.card import BackboneCard
from trainables.models.cards import get_backbone_card
from trainables.models.factory import create_backbone
from trainables.models.statistics_transfer import transfer_seed
from trainables.models.weights import require_weights

POOLED = "pooled"
"""The backbone's own pooled feature; any other layer is a block's output averaged over places."""

_VERSION = 1  # raised when the same pictures and weights would give other features
BATCH_SIZE = 64
_PRECISION: Precision = "fp32"
_FILE = "features.safetensors"
_DISTRIBUTIONS = {"open_clip": "open_clip_torch"}  # the others are installed under their names


def frozen_features(
    backbone: BackboneRef,
    images: ImageSet,
    transform: EvalTransform,
    context: Context,
    layer: str = POOLED,
) -> Tensor:
    """Return feats_nd, float32 on the CPU, from the store or by running the frozen backbone once.

    Raises:
        WeightsError: the weights are not here.
        SelectionError: the backbone has no such layer.
        NonFiniteLossError: a feature is NaN or infinite.
        StorageError: the store cannot be written.
    """
    status = require_weights(backbone, context.locations)
    seed = feature_seed(backbone, context) if status.kind == "random" else None
    transfer = None
    if backbone.transfer_level is not None:
        transfer = [backbone.transfer_level, transfer_seed(backbone, context.replicate)]
    network = FrozenNetwork(
        card=get_backbone_card(backbone.card),
        key={"weights": status.digest, "seed": seed, "transfer": transfer},
        create=lambda: create_backbone(
            backbone,
            context.locations,
            seed or 0,
            transform.size_px,
            in_chans=len(transform.mean),
            replicate=context.replicate,
        ),
    )
    return stored_features(network, images, transform, context, layer)


@dataclass(frozen=True, kw_only=True)
class FrozenNetwork:
    """A network whose features are worth keeping.

    Args:
        key: what identifies its weights.
        create: builds it; called only where the store lacks the features.
    """

    card: BackboneCard
    key: Mapping[str, Any]
    create: Callable[[], Backbone]


def stored_features(
    network: FrozenNetwork,
    images: ImageSet,
    transform: EvalTransform,
    context: Context,
    layer: str = POOLED,
) -> Tensor:
    """Return feats_nd of any network, as :func:`frozen_features` does of those with a card.

    Raises:
        SelectionError: the network has no such layer.
        NonFiniteLossError: a feature is NaN or infinite.
        StorageError: the store cannot be written.
    """
    key = {
        **network.key,
        "images": images.identity(),
        "transform": canonical(transform),
        "layer": layer,
        **_arithmetic(network.card, context.device),
    }

    def build(folder: Path) -> None:
        feats_nd = _extract(network.create(), layer, images, transform, context)
        save_arrays(folder / _FILE, {"feats_nd": feats_nd.numpy()})

    entry = context.store.get_or_build("features", key, build)
    return torch.from_numpy(load_arrays(entry / _FILE)["feats_nd"])


def feature_seed(backbone: BackboneRef, context: Context) -> int:
    """Return the seed of random weights: one for each replicate, one for all search trials.

    Search compares probes on the same features; replicates show how much the draw matters.
    """
    return seed_from("features", backbone, context.seed if context.final else "search")


def _arithmetic(card: BackboneCard, device: str) -> dict[str, Any]:
    """Return what else the numbers depend on: the network read from the card, and who computes."""
    library = _DISTRIBUTIONS.get(card.library, card.library)
    return {
        # One file may serve two cards, such as one network with two activations.
        "network": [card.name, card.architecture, dict(card.overrides), card.position_resize],
        "libraries": {name: version(name) for name in ("torch", "torchvision", library)},
        "device": device.partition(":")[0],
        "precision": _PRECISION,
        "version": _VERSION,
    }


def _extract(
    model: Backbone, layer: str, images: ImageSet, transform: EvalTransform, context: Context
) -> Tensor:
    # The store lets one process build while the others wait, so the work is not shared out.
    alone = dataclasses.replace(context, rank=0, world_size=1)
    module = model if layer == POOLED else _Layer(model, layer)
    feats_nd, _ = predict_logits(
        place(module, context.device), images, transform, BATCH_SIZE, _PRECISION, alone
    )
    return feats_nd


class _Layer(nn.Module):
    """One block of a backbone, averaged over the places of its map or over its tokens."""

    def __init__(self, backbone: Backbone, layer: str) -> None:
        super().__init__()
        self.backbone, self.layer = backbone, layer

    def forward(self, x_nchw: Tensor) -> Any:
        output = self.backbone.layer_features(x_nchw, [self.layer])[self.layer]
        if output.dim() == 4:
            return output.mean(dim=(1, 2) if self.backbone.card.channels_last else (2, 3))
        return output.mean(dim=1)
