"""The body of the bottleneck trainable.

Legend: n pictures, c concepts, d feature width, k classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from trainables.analyses.frozen import FrozenTask
from trainables.analyses.head_training import Cases, train_head
from trainables.concepts.choice import DRAW_SEED, choose_concepts, drawn_columns
from trainables.concepts.grounding import Grounding
from trainables.concepts.grounding_files import ReadFeatures, load_grounding
from trainables.concepts.knobo_head import KnoboHead
from trainables.concepts.knowledge import answers_of
from trainables.concepts.pcbm import PcbmHead, fit_sparse
from trainables.concepts.prior import prior_matrix
from trainables.config import seed_from
from trainables.context import Context
from trainables.data.atomic_file import write_json
from trainables.data.image_set import ImageSet
from trainables.data.open import open_split
from trainables.errors import ConfigError

if TYPE_CHECKING:
    from trainables.bottleneck import Config

INPUT = "grounding"
"""Name of the input that holds grounding functions."""


def train_and_test(config: Config, context: Context) -> dict[str, float]:
    """Do what :func:`trainables.bottleneck.run` promises."""
    task = FrozenTask(config, context, config.resize)
    if task.train.task != "multiclass":
        raise ConfigError(f"'{config.data.name}' is multilabel: concepts tell classes apart")
    reader = _reader(config, task)

    def cases(images: ImageSet) -> Cases:
        return Cases(reader.read(task.feats(images)), images.labels)

    train, val = cases(task.train), cases(open_split(config.data, "val", context))
    head = _head(config, task, reader, train)
    logits = train_head(
        head, train, val, "multiclass", config.training.fit_config(), context, head.penalty
    )
    if not context.final:
        return {}
    metrics = task.test(lambda feats_nd: logits(reader.read(feats_nd)))
    if context.is_main:
        _write_weights(head, task.train.classes, reader.grounding.names, context)
    return metrics


class _Reader(NamedTuple):
    """From features to what the head reads: concept scores, then columns of the feature.

    Args:
        text_cd: the concepts' words as vectors of length one, where these make the scores.
    """

    grounding: Grounding
    text_cd: Tensor | None
    columns: list[int] | None

    def read(self, feats_nd: Tensor) -> Tensor:
        unit_nd = functional.normalize(feats_nd, dim=1)
        if self.text_cd is None:
            scores_nc = self.grounding.probabilities(feats_nd)
        else:
            scores_nc = unit_nd @ self.text_cd.T
        if self.columns is None:
            return scores_nc
        return torch.cat([scores_nc, unit_nd[:, self.columns]], dim=1)


def _reader(config: Config, task: FrozenTask) -> _Reader:
    grounding = _chosen_grounding(config, task)
    text_cd = None
    if config.scores == "text":
        text_cd = task.tower.text_vectors(config.text, grounding.names)
    columns = None
    if config.residual != "none":
        width, seed = grounding.weight_cd.shape[1], DRAW_SEED + task.context.replicate
        columns = drawn_columns(width, config.columns or width, seed)
    return _Reader(grounding, text_cd, columns)


def _chosen_grounding(config: Config, task: FrozenTask) -> Grounding:
    context = task.context
    if INPUT not in context.inputs:
        raise ConfigError(
            f"trial {context.trial_id} has no input '{INPUT}': give its recipe "
            f"needs={{'{INPUT}': CellRef.of(...)}} of a cell of the trainable 'grounding'"
        )
    folder = context.inputs[INPUT]
    grounding, read = load_grounding(folder)
    own = ReadFeatures(backbone=config.backbone, clip=task.tower.clip)
    if read != own:
        raise ConfigError(
            f"the grounding functions in {folder} read features of {read}, this trial has those of "
            f"{own}: both cells need the same backbone, weights and input 'clip'"
        )
    names = choose_concepts(
        grounding.names,
        grounding.val_accuracy_c.tolist(),
        config.concepts,
        config.choice,
        DRAW_SEED + context.replicate,
    )
    return grounding.of(names)


def _head(config: Config, task: FrozenTask, reader: _Reader, train: Cases) -> KnoboHead | PcbmHead:
    classes, concepts = task.train.classes, reader.grounding.names
    seed = seed_from(task.context.seed, "head")
    if reader.columns is None:
        prior_kc = torch.zeros(len(classes), len(concepts))
        if config.prior_weight:
            prior_kc = prior_matrix(answers_of(config.data.name), classes, concepts)
        return KnoboHead(prior_kc.to(task.context.device), config.prior_weight, seed)
    sparse = None
    if config.residual == "sequential":
        sparse = fit_sparse(train.x_nd[:, : len(concepts)], train.labels, seed)
    return PcbmHead(
        len(concepts),
        len(reader.columns),
        len(classes),
        sparse=sparse,
        residual_l2=config.residual_l2,
        seed=seed,
    )


def _write_weights(
    head: KnoboHead | PcbmHead,
    classes: tuple[str, ...],
    concepts: tuple[str, ...],
    context: Context,
) -> None:
    """Write what speaks for each class, the strongest first."""
    by_class = {}
    for name, weight_c in zip(classes, head.concept_weight_kc.tolist(), strict=True):
        ranked = sorted(zip(concepts, weight_c, strict=True), key=lambda pair: -pair[1])
        by_class[name] = [{"concept": concept, "weight": weight} for concept, weight in ranked]
    write_json(context.artifacts / "bottleneck.json", {"classes": by_class})
