"""CoOpLVT (Baliah et al., MLMI 2023), as published and as described.

The published code puts vectors made from the picture behind the 77 places of a sentence. The text
tower is causal and its vector is read at end-of-text, before them: they change nothing and get no
gradient. What remains, and is computed here, is an image tower trained against the fixed texts of
the classes by the contrastive loss of a batch.

Axes: n pictures, k classes, v learned vectors, t tokens, d width, e width of the picture feature.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - PyTorch's own name for it

from trainables.config import seed_from
from trainables.context import Context
from trainables.engine.batches import ImageBatch
from trainables.generalisation.clip_methods import build_zero_shot, fixed_texts
from trainables.generalisation.config import MethodConfig
from trainables.generalisation.contrastive import ClassContrastive, pair_contrastive
from trainables.generalisation.gathering import gather
from trainables.generalisation.method import Method, Setting
from trainables.generalisation.text_classifier import create_images, create_words
from trainables.models.clip_images import ClipImages
from trainables.models.clip_text import ClipText, end_of_text
from trainables.models.seeding import seeded
from trainables.models.unsaved import Unsaved

_HIDDEN = 1024


def build_coop_lvt(config: MethodConfig, setting: Setting) -> Method:
    """Build the published method, or the one whose text tower sees the picture."""
    if config.prompt.placement == "appended":
        return fixed_texts(config, setting, ClassContrastive(setting.context))
    return _active(config, setting)


def build_prompt_only(config: MethodConfig, setting: Setting) -> Method:
    """Build the variant that trains only what makes vectors from pictures.

    Appended, these change nothing: it is CLIP without training.
    """
    if config.prompt.placement == "appended":
        return build_zero_shot(config, setting)
    method = _active(config, setting)
    method.images.requires_grad_(False)
    return method


def _active(config: MethodConfig, setting: Setting) -> ActiveCoopLvt:
    images, text = create_images(config, setting), create_words(config, setting)
    prompt = config.prompt
    conditioner = Conditioner(
        images.pooled_dim,
        text.width,
        tokens=prompt.tokens,
        layers=prompt.layers,
        seed=seed_from(setting.context.seed, "conditioner"),
    )
    sentences = config.text.sentences(setting.classes)
    return ActiveCoopLvt(images, text, conditioner, sentences, setting.context)


class Conditioner(nn.Module):
    """Makes vectors for a text tower from a picture's class token before the projection."""

    def __init__(self, dim: int, width: int, *, tokens: int, layers: int, seed: int) -> None:
        super().__init__()
        self.tokens = tokens
        out = tokens * width
        with seeded(seed):
            self.net = (
                nn.Sequential(nn.Linear(dim, out))
                if layers == 1
                else nn.Sequential(
                    nn.Linear(dim, dim),
                    nn.ReLU(),
                    nn.Linear(dim, _HIDDEN),
                    nn.ReLU(),
                    nn.Linear(_HIDDEN, out),
                )
            )

    def forward(self, pooled_ne: Tensor) -> Tensor:
        """Return the vectors, (n, v, d)."""
        made_nd: Tensor = self.net(pooled_ne)
        return made_nd.reshape(len(made_nd), self.tokens, -1)


class ActiveCoopLvt(Method):
    """CoOpLVT whose text tower sees the picture: another method than the published one.

    Each text carries its picture, so the loss can fall by telling pictures apart, not grades: below
    what fixed texts allow, it does. Scoring takes one text per picture and class.
    """

    ids_kt: Tensor

    def __init__(
        self,
        images: ClipImages,
        text: ClipText,
        conditioner: Conditioner,
        sentences: Sequence[str],
        context: Context,
    ) -> None:
        super().__init__()
        self.images, self.text, self.conditioner = images, Unsaved(text), conditioner
        self.context, self.temperature = context, text.temperature
        self.register_buffer("ids_kt", text.token_ids(sentences), persistent=False)

    def loss(self, batches: Sequence[ImageBatch]) -> Tensor:
        labels = torch.cat([batch.labels for batch in batches])
        pooled_ne = self.images.pooled(torch.cat([batch.x_nchw for batch in batches]))
        u_nd = encode_inserted(self.text.module, self.ids_kt[labels], self.conditioner(pooled_ne))
        return pair_contrastive(
            gather(self.images.unit(pooled_ne), self.context),
            gather(F.normalize(u_nd, dim=-1), self.context),
            self.temperature,
        )

    def logits(self, x_nchw: Tensor) -> Tensor:
        pooled_ne = self.images.pooled(x_nchw)
        n, k = len(pooled_ne), len(self.ids_kt)
        made_nvd = self.conditioner(pooled_ne).repeat_interleave(k, dim=0)
        u_md = encode_inserted(self.text.module, self.ids_kt.repeat(n, 1), made_nvd)
        u_nkd = F.normalize(u_md, dim=-1).reshape(n, k, -1)
        z_nd = self.images.unit(pooled_ne)
        return self.temperature * torch.einsum("nd,nkd->nk", z_nd, u_nkd)


def encode_appended(text: ClipText, ids_nt: Tensor, made_nvd: Tensor) -> Tensor:
    """Return texts, (n, d), with vectors put behind all places, as the published code does.

    No method needs it: it shows what the shorter way leaves out.
    """
    words_ntd = text.placed(text.embed_ids(ids_nt))
    return text.read(torch.cat([words_ntd, made_nvd], dim=1), end_of_text(ids_nt))


def encode_inserted(text: ClipText, ids_nt: Tensor, made_nvd: Tensor) -> Tensor:
    """Return texts, (n, d), with vectors put right before end-of-text, which moves on behind them.

    Padding at the end gives way, so that places stay within the tower's length.
    """
    end_n = end_of_text(ids_nt)
    v = made_nvd.shape[1]
    place_t = torch.arange(int(end_n.max()) + v + 1, device=ids_nt.device)
    after_nt = place_t - end_n[:, None]  # 0 is the place of the first vector
    word_nt = torch.where(after_nt < 0, place_t, place_t - v).clamp(min=0)
    words_ntd = text.embed_ids(ids_nt.gather(1, word_nt))
    if v:
        which_nt1 = after_nt.clamp(0, v - 1)[..., None]
        made_ntd = made_nvd.gather(1, which_nt1.expand(-1, -1, made_nvd.shape[2]))
        is_made_nt1 = ((after_nt >= 0) & (after_nt < v))[..., None]
        words_ntd = torch.where(is_made_nt1, made_ntd, words_ntd)
    return text.read(text.placed(words_ntd), end_n + v)
