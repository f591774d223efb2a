"""Learned vectors in front of what a BERT reads of each class.

Axes: k classes, v learned vectors, t tokens, d width.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - PyTorch's own name for it

from trainables.config import seed_from
from trainables.generalisation.config import MethodConfig
from trainables.generalisation.losses import PictureLoss
from trainables.generalisation.method import Method, Setting
from trainables.generalisation.text_classifier import (
    TextClassifier,
    create_encoder,
    create_images,
    create_temperature,
)
from trainables.models.seeding import seeded
from trainables.models.text import SentenceEncoder
from trainables.models.unsaved import Unsaved


def build_biobert_prompt(config: MethodConfig, setting: Setting) -> Method:
    """Build an image tower and vectors among BERT's words, trained together.

    Raises:
        ConfigError: texts are not as wide as pictures, or there is not one name per class.
        SelectionError, WeightsError, StorageError: something is not here, or damaged.
    """
    assert config.text.encoder is not None  # check_texts() has seen it
    images = create_images(config, setting)
    texts = PromptedBert(
        create_encoder(config.text.encoder, setting, images),
        config.text.sentences(setting.classes),
        count=config.prompt.tokens,
        order=config.prompt.bert_order,
        seed=seed_from(setting.context.seed, "prompts"),
    )
    objective = PictureLoss(config.loss, len(setting.classes))
    return TextClassifier(images, texts, create_temperature(config, setting), objective)


class PromptedBert(nn.Module):
    """A frozen BERT that reads learned vectors beside the words of each class.

    Args:
        count: of learned vectors, drawn from a standard normal distribution.
        order: 'after_cls' puts them behind the first token, whose output is the text's vector.
            'before_cls' puts them in front of all, as Baliah et al. (MLMI 2023, code) do: without a
            segment's embedding, the first of them in the place that is read, and padding read too.
    """

    ids_kt: Tensor
    mask_kt: Tensor

    def __init__(
        self,
        encoder: SentenceEncoder,
        sentences: Sequence[str],
        *,
        count: int,
        order: Literal["after_cls", "before_cls"],
        seed: int,
    ) -> None:
        super().__init__()
        self.encoder, self.order = Unsaved(encoder.model), order
        tokens = encoder.tokens(sentences)
        self.register_buffer("ids_kt", tokens["input_ids"], persistent=False)
        self.register_buffer("mask_kt", tokens["attention_mask"], persistent=False)
        with seeded(seed):
            self.prompts_vd = nn.Parameter(torch.randn(count, self._embeddings().embedding_dim))

    def _embeddings(self) -> nn.Embedding:
        words: nn.Embedding = self.encoder.module.transformer.embeddings.word_embeddings
        return words

    def forward(self) -> Tensor:
        """Return one vector of length one per class, (k, d)."""
        words_ktd = self._embeddings()(self.ids_kt)
        prompts_kvd = self.prompts_vd.expand(len(words_ktd), -1, -1)
        ones_kv = self.mask_kt.new_ones(prompts_kvd.shape[:2])
        if self.order == "after_cls":
            x_ktd = torch.cat([words_ktd[:, :1], prompts_kvd, words_ktd[:, 1:]], dim=1)
            mask_kt = torch.cat([ones_kv, self.mask_kt], dim=1)  # the first token is never padding
        else:
            # The library adds the segment's embedding to all: taken off here, none is left.
            segment_d = self.encoder.module.transformer.embeddings.token_type_embeddings.weight[0]
            x_ktd = torch.cat([prompts_kvd - segment_d, words_ktd], dim=1)
            mask_kt = torch.ones_like(x_ktd[..., 0], dtype=torch.long)
        output = self.encoder.module.transformer(inputs_embeds=x_ktd, attention_mask=mask_kt)
        return F.normalize(self.encoder.module.pool(output, mask_kt), dim=-1)
