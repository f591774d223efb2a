"""Frozen sentence encoders.

Axes: n texts, t tokens, d width.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - PyTorch's own name for it
from transformers import AutoModel, AutoTokenizer
from transformers.utils.logging import disable_progress_bar

from trainables.config import BackboneRef
from trainables.context import Locations
from trainables.errors import WeightsError
from trainables.models.text_cards import TextCard, get_text_card
from trainables.models.weights import require_weights

_BATCH = 64


class SentenceEncoder:
    """Sentence vectors: mean of the last layer over real tokens, length one.

    They hardly see negation or degree: two grades of one disease come out nearly equal, so they
    serve to tell subjects apart, and for grading only below a trained projection.
    """

    def __init__(self, card: TextCard, tokenizer: Any, model: Any) -> None:
        self.card = card
        self.dim = card.dim
        self._tokenizer = tokenizer
        self._model = model.eval()

    @torch.inference_mode()
    def encode_texts(self, texts: Sequence[str]) -> Tensor:
        """Return one vector of length one per text, (n, dim), float32 on the CPU."""
        starts = range(0, len(texts), _BATCH)
        parts = [self._encode(list(texts[start : start + _BATCH])) for start in starts]
        return torch.cat(parts) if parts else torch.empty(0, self.dim)

    def _encode(self, texts: list[str]) -> Tensor:
        tokens = self._tokenizer(
            texts,
            padding=True,
            truncation=True,
            max_length=self.card.max_tokens,
            return_tensors="pt",
        )
        last_ntd: Tensor = self._model(**tokens).last_hidden_state
        real_nt1 = tokens["attention_mask"].unsqueeze(-1).to(last_ntd.dtype)
        mean_nd = (last_ntd * real_nt1).sum(dim=1) / real_nt1.sum(dim=1)
        return F.normalize(mean_nd, dim=-1)


def create_text_encoder(ref: BackboneRef, locations: Locations) -> SentenceEncoder:
    """Load a frozen text encoder from its folder; never uses the network.

    Raises:
        SelectionError: there is no such card.
        WeightsError: the weights are unknown or absent, or the folder is incomplete.
    """
    card = get_text_card(ref.card)
    path = require_weights(ref, locations).path
    assert path is not None  # a text card has published weights only
    folder = path.parent
    missing = [name for name in card.companions if not (folder / name).is_file()]
    if missing:
        raise WeightsError(
            f"'{card.name}': {folder} lacks {', '.join(missing)}; copy the whole folder from "
            f"{card.source(ref.weights).where}"
        )
    return SentenceEncoder(
        card, AutoTokenizer.from_pretrained(folder, local_files_only=True), _load(folder)
    )


def _load(folder: Path) -> Any:
    """Load the model, refusing what the library would only warn about."""
    disable_progress_bar()  # it would be drawn over the run's own progress
    model, info = AutoModel.from_pretrained(
        folder, local_files_only=True, output_loading_info=True, use_safetensors=True
    )
    found = {kind: sorted(info[kind]) for kind in ("missing_keys", "unexpected_keys")}
    if any(found.values()):
        raise WeightsError(f"{folder}: the weights do not fit the configuration: {found}")
    return model
