"""CoOp and CoCoOp (Zhou et al., 2022): learned vectors in the place of a template's words.

Neither is in the tables of Baliah et al. (MLMI 2023): they stand beside them for comparison. Both
towers stay as they are.

Axes: n pictures, k classes, v learned vectors, t tokens, d width.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - PyTorch's own name for it

from trainables.config import seed_from
from trainables.engine.batches import ImageBatch
from trainables.generalisation.config import MethodConfig
from trainables.generalisation.losses import PictureLoss
from trainables.generalisation.method import Method, Setting
from trainables.generalisation.text_classifier import (
    TextClassifier,
    create_images,
    create_words,
)
from trainables.models.clip_images import ClipImages
from trainables.models.clip_text import ClipText, end_of_text
from trainables.models.seeding import seeded
from trainables.models.unsaved import Unsaved

_PLACEHOLDER = "X"
_SPREAD = 0.02
_NARROWING = 16


def build_coop(config: MethodConfig, setting: Setting) -> Method:
    """Build context vectors that all classes share, trained by a loss of logits."""
    images, texts = _create(config, setting)
    objective = PictureLoss(config.loss, len(setting.classes))
    return TextClassifier(images, texts, texts.temperature, objective)


def build_cocoop(config: MethodConfig, setting: Setting) -> Method:
    """Build context vectors that a small network moves for every picture."""
    images, texts = _create(config, setting)
    shift = _shift_network(images.dim, texts.width, seed_from(setting.context.seed, "shift"))
    return CoCoOp(images, texts, shift, PictureLoss(config.loss, len(setting.classes)))


def _create(config: MethodConfig, setting: Setting) -> tuple[ClipImages, ContextTexts]:
    images = create_images(config, setting).requires_grad_(False)
    texts = ContextTexts(
        create_words(config, setting),
        config.text.names(setting.classes),
        count=config.prompt.tokens,
        seed=seed_from(setting.context.seed, "context"),
    )
    return images, texts


def _shift_network(dim: int, width: int, seed: int) -> nn.Module:
    inner = max(1, dim // _NARROWING)
    with seeded(seed):
        return nn.Sequential(nn.Linear(dim, inner), nn.ReLU(), nn.Linear(inner, width))


class ContextTexts(nn.Module):
    """Sentences "[v learned vectors] class." read by a frozen text tower.

    Args:
        count: of learned vectors, drawn around 0.
    """

    ids_kt: Tensor

    def __init__(self, text: ClipText, names: Sequence[str], *, count: int, seed: int) -> None:
        super().__init__()
        self.text, self.temperature = Unsaved(text), text.temperature
        self.width = text.width
        places = " ".join([_PLACEHOLDER] * count)
        self.register_buffer(
            "ids_kt", text.token_ids([f"{places} {name}." for name in names]), persistent=False
        )
        with seeded(seed):
            self.context_vd = nn.Parameter(_SPREAD * torch.randn(count, text.width))

    def forward(self) -> Tensor:
        """Return one vector of length one per class, (k, d)."""
        return self.encode(self.context_vd[None])[0]

    def encode(self, context_nvd: Tensor) -> Tensor:
        """Return one vector of length one per context and class, (n, k, d)."""
        n, v, _ = context_nvd.shape
        k, end_k = len(self.ids_kt), end_of_text(self.ids_kt)
        text = self.text.module
        words_ktd = text.embed_ids(self.ids_kt[:, : int(end_k.max()) + 1])
        words_nktd = words_ktd.expand(n, -1, -1, -1)
        context_nkvd = context_nvd[:, None].expand(-1, k, -1, -1)
        x_nktd = torch.cat([words_nktd[:, :, :1], context_nkvd, words_nktd[:, :, 1 + v :]], dim=2)
        u_md = text.read(text.placed(x_nktd.flatten(0, 1)), end_k.repeat(n))
        return F.normalize(u_md, dim=-1).reshape(n, k, -1)


class CoCoOp(Method):
    """Context vectors plus one vector that a network makes from the picture."""

    def __init__(
        self, images: ClipImages, texts: ContextTexts, shift: nn.Module, objective: nn.Module
    ) -> None:
        super().__init__()
        self.images, self.texts, self.shift, self.objective = images, texts, shift, objective
        self.temperature = texts.temperature

    def loss(self, batches: Sequence[ImageBatch]) -> Tensor:
        labels = torch.cat([batch.labels for batch in batches])
        loss: Tensor = self.objective(
            self.logits(torch.cat([batch.x_nchw for batch in batches])), labels
        )
        return loss

    def logits(self, x_nchw: Tensor) -> Tensor:
        z_nd = self.images(x_nchw)
        context_nvd = self.texts.context_vd + self.shift(z_nd)[:, None]
        u_nkd = self.texts.encode(context_nvd)
        return self.temperature * torch.einsum("nd,nkd->nk", z_nd, u_nkd)
