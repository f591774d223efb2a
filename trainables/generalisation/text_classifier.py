"""Methods that score a picture by its cosines with one text per class.

Axes: n pictures, c channels, h rows, w columns, k classes, d width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from trainables.config import BackboneRef, seed_from
from trainables.engine.batches import ImageBatch
from trainables.errors import ConfigError
from trainables.generalisation.config import MethodConfig
from trainables.generalisation.method import Method, Setting
from trainables.models.clip_images import ClipImages
from trainables.models.clip_text import ClipText, clip_temperature, create_clip_text
from trainables.models.factory import create_backbone
from trainables.models.text import SentenceEncoder, create_text_encoder
from trainables.models.text_cards import get_text_card


class FixedTexts(nn.Module):
    """Texts of classes that are known once and for all."""

    vectors_kd: Tensor

    def __init__(self, vectors_kd: Tensor) -> None:
        super().__init__()
        # Not in the state: they follow from the config and the weights it names.
        self.register_buffer("vectors_kd", vectors_kd.clone(), persistent=False)

    def forward(self) -> Tensor:
        """Return one vector of length one per class, (k, d)."""
        return self.vectors_kd


class TextClassifier(Method):
    """Cosines of pictures with texts, times a temperature, are the logits.

    Args:
        texts: returns the vectors of the classes, (k, d), without arguments.
        temperature: never trained.
        objective: of logits and class numbers.

    Raises:
        ConfigError: pictures and texts are of different widths.
    """

    def __init__(
        self, images: ClipImages, texts: nn.Module, temperature: float, objective: nn.Module
    ) -> None:
        super().__init__()
        self.images, self.texts = images, texts
        self.temperature, self.objective = temperature, objective

    def loss(self, batches: Sequence[ImageBatch]) -> Tensor:
        x_nchw = torch.cat([batch.x_nchw for batch in batches])
        loss: Tensor = self.objective(
            self.logits(x_nchw), torch.cat([batch.labels for batch in batches])
        )
        return loss

    def logits(self, x_nchw: Tensor) -> Tensor:
        logits_nk: Tensor = self.temperature * self.images(x_nchw) @ self.texts().T
        return logits_nk

    @torch.no_grad()
    def settled(self) -> Mapping[str, Tensor]:
        """Return what :class:`SettledTexts` holds beside the images."""
        return {
            "vectors_kd": self.texts(),
            "temperature": torch.tensor(self.temperature, dtype=torch.float64),
        }


class SettledTexts(nn.Module):
    """A trained :class:`TextClassifier` that scores and needs no text tower any more.

    Args:
        classes: how many; their vectors and the temperature are to be loaded.
    """

    vectors_kd: Tensor
    temperature: Tensor

    def __init__(self, images: ClipImages, classes: int) -> None:
        super().__init__()
        self.images = images
        self.register_buffer("vectors_kd", torch.zeros(classes, images.dim))
        self.register_buffer("temperature", torch.zeros((), dtype=torch.float64))

    def forward(self, x_nchw: Tensor) -> Tensor:
        """Return the logits, (n, k)."""
        logits_nk: Tensor = self.temperature * self.images(x_nchw) @ self.vectors_kd.T
        return logits_nk


def create_images(config: MethodConfig, setting: Setting) -> ClipImages:
    """Build the image tower, with its projection where texts live behind it.

    Raises:
        SelectionError, WeightsError, StorageError, ConfigError: see
            :func:`trainables.models.factory.create_backbone`.
    """
    context = setting.context
    backbone = create_backbone(
        config.backbone,
        context.locations,
        seed=_seed(setting),
        image_size_px=setting.image_size_px,
        replicate=context.replicate,
    )
    encoder = config.text.encoder
    return ClipImages(
        backbone, projected=encoder is None or get_text_card(encoder.card).pooling == "projected"
    )


def create_words(config: MethodConfig, setting: Setting) -> ClipText:
    """Build the text tower that belongs to the image tower.

    Raises:
        SelectionError, WeightsError, StorageError, ConfigError: see
            :func:`trainables.models.clip_text.create_clip_text`.
    """
    return create_clip_text(config.backbone, setting.context.locations, _seed(setting))


def create_texts(config: MethodConfig, setting: Setting, images: ClipImages) -> FixedTexts:
    """Encode the sentences of the classes.

    Raises:
        ConfigError: texts are not as wide as pictures, or there is not one name per class.
        SelectionError, WeightsError, StorageError: the encoder is not here, or damaged.
    """
    sentences = config.text.sentences(setting.classes)
    if config.text.encoder is None:
        return FixedTexts(create_words(config, setting).encode_texts(sentences))
    encoder = create_encoder(config.text.encoder, setting, images)
    return FixedTexts(encoder.encode_texts(sentences))


def create_encoder(ref: BackboneRef, setting: Setting, images: ClipImages) -> SentenceEncoder:
    """Load a text encoder whose vectors can be compared with those of pictures.

    Raises:
        ConfigError: they are of another width.
        SelectionError, WeightsError: the encoder is not here, or damaged.
    """
    encoder = create_text_encoder(ref, setting.context.locations)
    if encoder.dim != images.dim:
        raise ConfigError(
            f"texts of '{ref.card}' have width {encoder.dim}, pictures of "
            f"'{images.backbone.card.name}' {images.dim}"
        )
    return encoder


def create_temperature(config: MethodConfig, setting: Setting) -> float:
    """Return the temperature that the image tower was trained with."""
    return clip_temperature(config.backbone, setting.context.locations)


def _seed(setting: Setting) -> int:
    return seed_from(setting.context.seed, "backbone")
