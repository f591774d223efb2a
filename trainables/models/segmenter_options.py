"""What can be chosen about a segmenter beside its card and weights. No torch here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True, slots=True)
class SegmenterOptions:
    """Choices that change what a segmenter learns or reads; the defaults are the published ones.

    Args:
        freeze_encoder: train what comes after the encoders only. CLIPSeg's and BiomedCLIP's never
            train, whatever this says.
        encoder_train_mode: frozen encoders are switched to training mode with the rest: the dropout
            of BiomedCLIP's BERT stays active, batch norms of CRIS go on adapting.
        text_padding: what fills CLIP's text behind its end. 'end' repeats the end token, which CRIS
            does not recognise as padding and so reads; 'zero' is what the released CRIS was trained
            with, and is masked there.
    """

    freeze_encoder: bool = False
    encoder_train_mode: bool = True
    text_padding: Literal["end", "zero"] = "end"
