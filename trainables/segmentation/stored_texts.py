"""What a frozen encoder makes of texts, computed once for all trials that use the same texts.

Axes: n texts, d width.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from trainables.context import Context
from trainables.data.artifact_store import load_arrays, save_arrays
from trainables.engine.config import Precision
from trainables.engine.precision import autocast
from trainables.models.segmenters.segmenter import DecodingSegmenter
from trainables.segmentation.spec import SegmenterSpec
from trainables.segmentation.stored_cases import encoder_key

_FILE = "conditions.safetensors"
_AT_ONCE = 64


class StoredTexts:
    """Conditions of texts, by text, on the device of the trial."""

    def __init__(self, texts: Sequence[str], condition_nd: Tensor) -> None:
        self._row = {text: row for row, text in enumerate(texts)}
        self._condition_nd = condition_nd

    def conditions(self, texts: Sequence[str]) -> Tensor:
        """Return the condition of each text, (n, d)."""
        return self._condition_nd[[self._row[text] for text in texts]]


def stored_texts(
    segmenter: DecodingSegmenter,
    spec: SegmenterSpec,
    texts: Iterable[str],
    precision: Precision,
    context: Context,
) -> StoredTexts:
    """Return the conditions of all texts from the store, encoding them once if needed.

    Raises:
        StorageError: the store cannot be written.
    """
    distinct = sorted(set(texts))
    key = {
        **encoder_key(spec, precision, context),
        "padding": spec.options.text_padding,
        "texts": distinct,
    }

    def build(folder: Path) -> None:
        condition_nd = _encode(segmenter, distinct, precision, context)
        save_arrays(folder / _FILE, {"condition_nd": condition_nd.numpy()})

    entry = context.store.get_or_build("conditions", key, build)
    condition_nd = torch.from_numpy(load_arrays(entry / _FILE)["condition_nd"])
    return StoredTexts(distinct, condition_nd.to(context.device))


@torch.inference_mode()
def _encode(
    segmenter: DecodingSegmenter, texts: Sequence[str], precision: Precision, context: Context
) -> Tensor:
    was_training = segmenter.training
    segmenter.eval()
    rows = []
    for start in range(0, len(texts), _AT_ONCE):
        tokens = segmenter.tokenize(texts[start : start + _AT_ONCE])
        with autocast(precision, context.device):
            condition_nd = segmenter.encode_text(tokens.to(torch.device(context.device)))
        rows.append(condition_nd.float().cpu())
    segmenter.train(was_training)
    return torch.cat(rows)
