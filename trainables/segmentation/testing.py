"""The one look at the test split: scores, what they add up to, and what is left to look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from torch import Tensor

from trainables.config import DataRef, seed_from
from trainables.context import Context
from trainables.segmentation.case_metrics import TRUTH_ABOVE
from trainables.segmentation.case_table import CaseTable
from trainables.segmentation.case_texts import CaseTexts
from trainables.segmentation.cases import Cases, open_cases
from trainables.segmentation.evaluation import Judgement, Scorer, Scores, Texts
from trainables.segmentation.loading import Use, create_loader
from trainables.segmentation.network import TrainedNetwork
from trainables.segmentation.outputs import write_mask, write_outputs
from trainables.segmentation.overlay import CasePicture
from trainables.segmentation.prompt_choice import PromptChoice
from trainables.segmentation.spec import SegmenterSpec
from trainables.segmentation.summary import summarise

_SHUFFLED = "test/dice_net_shuffled"


class TestedWith(Use, Protocol):
    """The fields of a config that say how a network is tested."""

    @property
    def data(self) -> DataRef: ...
    @property
    def batch_size(self) -> int: ...
    @property
    def masks(self) -> bool: ...


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Tested:
    """Test cases, the network that was asked about them, and what it scored.

    Args:
        shuffled: Dice of every case, at the size of the network, told what another case is told;
            None where the network reads no text.
    """

    scorer: Scorer
    texts: Texts
    scores: Scores
    shuffled: Scores | None

    @property
    def cases(self) -> Cases:
        """The cases, in the order of the scores."""
        return self.scorer.loader.cases


def score_test(
    network: TrainedNetwork,
    spec: SegmenterSpec,
    choice: PromptChoice | None,
    use: TestedWith,
    context: Context,
    classes: Sequence[str] = (),
) -> Tested:
    """Score the test cases, of some classes or all; with ``use.masks`` leave every prediction.

    Raises:
        SealedTestError: this is a search trial.
        DatasetError: the data is absent, damaged, or has no prompt of the type.
        NonFiniteLossError: an output is NaN or infinite.
    """
    cases = open_cases(use.data, "test", spec, context, classes)

    def keep_mask(case: int, predicted_hw: Tensor) -> None:
        write_mask(context.artifacts, cases.name(case), predicted_hw.numpy())

    judgement = Judgement(
        threshold=spec.threshold,
        precision=use.precision,
        batch_size=use.batch_size,
        stored_size=True,
        take_mask=keep_mask if use.masks else None,
    )
    case_texts = CaseTexts(cases, choice)
    loader = create_loader(network.segmenter, spec, case_texts, use, context)
    scorer = Scorer(network, loader, judgement, context)
    texts = case_texts.for_evaluation()
    shuffled = None
    if choice is not None:
        plain = replace(judgement, stored_size=False, take_mask=None)
        shuffled = Scorer(network, loader, plain, context).score(_shuffle(texts))
    return Tested(scorer=scorer, texts=texts, scores=scorer.score(texts), shuffled=shuffled)


def conclude(parts: Sequence[Tested], context: Context) -> dict[str, float]:
    """Return the metrics of all cases together; write the case table and the gallery."""
    table = _case_table(parts)
    scores = {
        name: np.concatenate([part.scores[name] for part in parts]) for name in parts[0].scores
    }
    metrics = summarise(scores, table.empty, np.array(table.classes), np.array(table.domains))
    shuffled = [part.shuffled["dice_net"] for part in parts if part.shuffled is not None]
    if shuffled:
        metrics[_SHUFFLED] = float(np.concatenate(shuffled).mean())
    if context.is_main:
        owners = [(part, case) for part in parts for case in range(len(part.cases))]
        write_outputs(context.artifacts, table, lambda row: _picture(*owners[row]))
    return metrics


def _shuffle(texts: Texts) -> Texts:
    """Give every case what another one is told: the next in a fixed random order."""
    order = np.random.default_rng(seed_from("shuffled prompts", len(texts))).permutation(len(texts))
    given = list(texts)
    for case, other in zip(order, np.roll(order, 1), strict=True):
        given[case] = texts[other]
    return given


def _case_table(parts: Sequence[Tested]) -> CaseTable:
    rows = [(part.cases, case) for part in parts for case in range(len(part.cases))]
    scores = {
        name: np.concatenate([part.scores[name] for part in parts])
        for name in ("dice", "iou", "dice_net", "iou_net")
    }
    return CaseTable(
        ids=tuple(cases.name(case) for cases, case in rows),
        domains=tuple(str(cases.images.domain_of[case]) for cases, case in rows),
        classes=tuple(cases.images.classes[int(cases.images.labels[case])] for cases, case in rows),
        prompts=tuple(" | ".join(texts) for part in parts for texts in part.texts),
        empty=np.array([not bool(_truth(cases, case).any()) for cases, case in rows]),
        **scores,
    )


def _truth(cases: Cases, case: int) -> Tensor:
    return cases.images.mask(case) > TRUTH_ABOVE


def _picture(part: Tested, case: int) -> CasePicture:
    predicted_hw = part.scorer.predict(case, part.texts[case][0])
    return CasePicture(
        picture_hwc=part.cases.images.image(case).permute(1, 2, 0).contiguous().numpy(),
        truth_hw=_truth(part.cases, case).numpy(),
        prediction_hw=predicted_hw.numpy(),
    )
