"""CLIP's tokens of a prompt.

Axes: n texts, l tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import open_clip
import torch
from torch import Tensor

from trainables.models.segmenters.segmenter import TextTokens

END_OF_TEXT = 49407
_FILLER = {"end": END_OF_TEXT, "zero": 0}


def clip_tokens(
    texts: Sequence[str], length: int, padding: Literal["end", "zero"] = "end"
) -> TextTokens:
    """Return lower-cased texts as CLIP's tokens, all of one length; longer texts are cut.

    Args:
        padding: what fills the places behind the end, see ``SegmenterOptions.text_padding``.
    """
    ids_nl: Tensor = open_clip.tokenize(list(texts), context_length=length)
    end_n1 = (ids_nl == END_OF_TEXT).int().argmax(dim=1, keepdim=True)
    real_nl = torch.arange(length)[None] <= end_n1
    return TextTokens(ids_nl=torch.where(real_nl, ids_nl, _FILLER[padding]), mask_nl=real_nl.long())
