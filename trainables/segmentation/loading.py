"""Batches of a split for a network, through the store where its encoders are frozen."""

from __future__ import annotations

from typing import Protocol

from torch import nn

from trainables.context import Context
from trainables.engine.config import Precision
from trainables.models.segmenters.segmenter import DecodingSegmenter, Segmenter
from trainables.segmentation.batches import CaseLoader
from trainables.segmentation.case_texts import CaseTexts
from trainables.segmentation.spec import SegmenterSpec
from trainables.segmentation.stored_cases import stored_cases
from trainables.segmentation.stored_texts import stored_texts


class Use(Protocol):
    """The fields of a config that say how a network is used."""

    @property
    def precision(self) -> Precision: ...
    @property
    def share_activations(self) -> bool: ...


def create_loader(
    segmenter: Segmenter,
    spec: SegmenterSpec,
    texts: CaseTexts,
    use: Use,
    context: Context,
) -> CaseLoader:
    """Return what makes batches; frozen encoders run only over what the store does not have.

    Raises:
        DatasetError: a picture cannot be read, or has no prompt of the type.
        StorageError: the store cannot be written.
    """
    cases = texts.cases
    if not (use.share_activations and isinstance(segmenter, DecodingSegmenter)):
        return CaseLoader(cases, segmenter, context)
    return CaseLoader(
        cases,
        segmenter,
        context,
        stored=stored_cases(segmenter, spec, cases, use.precision, context),
        texts=stored_texts(segmenter, spec, texts.possible(), use.precision, context),
    )


def text_drops_out(segmenter: Segmenter) -> bool:
    """Whether training mode changes what a frozen encoder makes of a text.

    Of the networks with frozen encoders, only text encoders have dropout, where anything has.
    """
    dropouts = [module for module in segmenter.modules() if isinstance(module, nn.Dropout)]
    return any(module.p > 0 for module in dropouts)
