"""The frozen network of a trial: that of the config's card, or the one in the input ``clip``.

Legend: n pictures or texts, d width.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from torch import Tensor

from trainables.alignment.clip_input import ClipInput, check_input_transform, clip_input
from trainables.config import BackboneRef, DataRef
from trainables.context import Context
from trainables.data.image_set import ImageSet
from trainables.data.transforms import EvalTransform, Resize
from trainables.engine.inputs import Channels, eval_transform
from trainables.errors import ConfigError
from trainables.features import FrozenNetwork, feature_seed, frozen_features, stored_features
from trainables.models.backbone import Backbone
from trainables.models.clip_text import clip_temperature
from trainables.models.factory import create_backbone
from trainables.models.published_norm import as_published
from trainables.models.text_vectors import text_vectors


class TowerConfig(Protocol):
    """The fields that say which network reads which pictures, and how."""

    @property
    def backbone(self) -> BackboneRef: ...
    @property
    def data(self) -> DataRef: ...
    @property
    def image_size_px(self) -> int | None: ...
    @property
    def channels(self) -> Channels: ...


class Tower(Protocol):
    """A frozen network; where it is of CLIP's kind, also what texts are in its space.

    Attributes:
        transform: what pictures go through.
        clip: sha256 of the weights in the input ``clip``; empty without that input.
    """

    transform: EvalTransform
    clip: str

    def feats(self, images: ImageSet) -> Tensor:
        """Return feats_nd of pictures, float32 on the CPU, computed once for all trials."""

    def network(self) -> Backbone:
        """Return the network itself."""

    def text_vectors(self, text: BackboneRef | None, sentences: Sequence[str]) -> Tensor:
        """Return vectors of length one, (n, d); ``text`` as in the configs."""

    def temperature(self) -> float:
        """Return what cosines are multiplied by to make logits."""


def open_tower(config: TowerConfig, context: Context, resize: Resize = "squash") -> Tower:
    """Return the frozen network of a trial.

    Args:
        resize: how pictures become square; idle with the input ``clip``, which has a way of its
            own.

    Raises:
        ConfigError: the input ``clip`` is not what the config describes.
        WeightsError: it holds no aligned towers.
    """
    found = clip_input(config.backbone, context)
    if found is None:
        return _CardTower(config, context, resize)
    check_input_transform(found, config.image_size_px, config.channels)
    return _InputTower(found, context)


class _CardTower:
    """The network that a backbone card describes."""

    clip = ""

    def __init__(self, config: TowerConfig, context: Context, resize: Resize) -> None:
        self.backbone, self.context = config.backbone, context
        by_card = eval_transform(
            config.backbone,
            config.data,
            config.image_size_px,
            channels=config.channels,
            resize=resize,
        )
        self.transform = as_published(by_card, config.backbone, context.locations)

    def feats(self, images: ImageSet) -> Tensor:
        return frozen_features(self.backbone, images, self.transform, self.context)

    def network(self) -> Backbone:
        return create_backbone(
            self.backbone,
            self.context.locations,
            feature_seed(self.backbone, self.context),
            self.transform.size_px,
            in_chans=len(self.transform.mean),
            replicate=self.context.replicate,
        )

    def text_vectors(self, text: BackboneRef | None, sentences: Sequence[str]) -> Tensor:
        seed = feature_seed(self.backbone, self.context)
        return text_vectors(self.backbone, text, sentences, self.context.locations, seed)

    def temperature(self) -> float:
        return clip_temperature(self.backbone, self.context.locations)


class _InputTower:
    """The towers in the input ``clip``."""

    def __init__(self, found: ClipInput, context: Context) -> None:
        self.found, self.context = found, context
        self.transform, self.clip = found.transform, found.digest

    def feats(self, images: ImageSet) -> Tensor:
        network = FrozenNetwork(
            card=self.found.card, key={"clip": self.found.digest}, create=self.network
        )
        return stored_features(network, images, self.transform, self.context)

    def network(self) -> Backbone:
        return self.found.towers().images

    def text_vectors(self, text: BackboneRef | None, sentences: Sequence[str]) -> Tensor:
        if text is not None:
            raise ConfigError(f"text='{text.card}': the input 'clip' has a text tower of its own")
        return self.found.text_vectors(sentences)

    def temperature(self) -> float:
        return self.found.temperature()
