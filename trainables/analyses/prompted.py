"""The body of the zero-shot trainable.

Legend: n pictures, d width, k classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from trainables.analyses.frozen import FrozenTask
from trainables.concepts.zero_shot import class_scores
from trainables.context import Context
from trainables.errors import ConfigError

if TYPE_CHECKING:
    from trainables.zero_shot import Config


def score_and_test(config: Config, context: Context) -> dict[str, float]:
    """Do what :func:`trainables.zero_shot.run` promises."""
    task = FrozenTask(config, context, config.resize)
    if task.train.task != "multiclass":
        raise ConfigError(f"'{config.data.name}' is multilabel: prompts compete for one class")
    prompts = _encoded(config, task)
    temperature = task.tower.temperature()

    def logits(feats_nd: Tensor) -> Tensor:
        scores_nk = class_scores(functional.normalize(feats_nd), prompts, config.rule)
        return temperature * scores_nk

    if context.resume() is None:
        task.report(logits, {"perf/prompts": float(sum(map(len, prompts)))}, {})
    return task.test(logits) if context.final else {}


def _encoded(config: Config, task: FrozenTask) -> list[Tensor]:
    """Return the vectors of each class's prompts."""
    prompts = config.prompts_of(task.train.classes)
    vectors_pd = task.tower.text_vectors(
        config.text, [prompt for said in prompts for prompt in said]
    )
    return list(torch.split(vectors_pd, [len(said) for said in prompts]))
