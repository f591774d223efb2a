"""A segmenter without training: validation, then the test."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from trainables.context import Context
from trainables.data.cards import get_data_card
from trainables.engine.placement import place
from trainables.segmentation.case_texts import CaseTexts, choice_of
from trainables.segmentation.cases import open_cases
from trainables.segmentation.evaluation import Judgement, Scorer
from trainables.segmentation.loading import create_loader
from trainables.segmentation.network import TrainedNetwork, create_network
from trainables.segmentation.prompt_choice import PromptChoice
from trainables.segmentation.spec import SegmenterSpec
from trainables.segmentation.testing import conclude, score_test

if TYPE_CHECKING:
    from trainables.segment_zero_shot import Config


def score_and_test(config: Config, context: Context) -> dict[str, float]:
    """Do what :func:`trainables.segment_zero_shot.run` promises."""
    spec = config.spec(context.seed)
    network = create_network(spec, context.locations).requires_grad_(False)
    place(network, context.device)
    choice = choice_of(config.prompt, True, config.data.name, context.seed)
    if context.resume() is None:
        started = time.perf_counter()
        metrics = _validated(config, network, spec, choice, context)
        metrics["perf/val_s"] = time.perf_counter() - started
        context.report(step=1, metrics=metrics, state=dict)
    if not context.final:
        return {}
    tested = score_test(network, spec, choice, config, context, config.classes)
    return conclude([tested], context)


def _validated(
    config: Config,
    network: TrainedNetwork,
    spec: SegmenterSpec,
    choice: PromptChoice | None,
    context: Context,
) -> dict[str, float]:
    if get_data_card(config.data.name).expected_counts.get("val") == 0:
        return {"val/cases": 0.0}
    texts = CaseTexts(open_cases(config.data, "val", spec, context, config.classes), choice)
    loader = create_loader(network.segmenter, spec, texts, config, context)
    judgement = Judgement(
        threshold=spec.threshold, precision=config.precision, batch_size=config.batch_size
    )
    scores = Scorer(network, loader, judgement, context).score(texts.for_evaluation())
    return {
        "val/dice": float(scores["dice_net"].mean()),
        "val/iou": float(scores["iou_net"].mean()),
        "val/cases": float(len(texts.cases)),
    }
