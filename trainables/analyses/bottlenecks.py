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
from trainables.concepts.bottleneck_files import Reading, save_bottleneck
from trainables.concepts.bottleneck_model import Bottleneck, ConceptScores
from trainables.concepts.choice import DRAW_SEED, choose_concepts, drawn_columns
from trainables.concepts.grounding import Grounding
from trainables.concepts.grounding_files import Origin, load_grounding
from trainables.concepts.knobo_head import KnoboHead
from trainables.concepts.pcbm import PcbmHead, fit_sparse
from trainables.concepts.prior import prior_matrix
from trainables.config import seed_from
from trainables.context import Context
from trainables.data.image_set import ImageSet
from trainables.data.open import open_split
from trainables.data.sets.knobo_knowledge import priors_of
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
    # Before features are computed, which takes longer than finding a file wrong.
    prior_kc = _prior(config, task, reader.scores.names)

    def cases(images: ImageSet) -> Cases:
        return Cases(reader.read(task.feats(images)), images.labels)

    train, val = cases(task.train), cases(open_split(config.data, "val", context))
    head = _head(config, context, reader, train, prior_kc)
    trained = train_head(
        head, train, val, "multiclass", config.training.fit_config(), context, head.penalty
    )
    if not context.final:
        return {}
    metrics = task.test(lambda feats_nd: trained.logits(reader.read(feats_nd)))
    if context.is_main:
        bottleneck = _as_bottleneck(head, reader, task.train.classes)
        reading = _reading(config, task)
        save_bottleneck(context.artifacts, bottleneck, _origin(config, task), reading)
    return metrics | trained.chosen()


class _Reader(NamedTuple):
    """From features to what the head reads: concept scores, then columns of the feature."""

    scores: ConceptScores
    columns: list[int] | None

    def read(self, feats_nd: Tensor) -> Tensor:
        scores_nc = self.scores.of(feats_nd)
        if self.columns is None:
            return scores_nc
        unit_nd = functional.normalize(feats_nd, dim=1)
        return torch.cat([scores_nc, unit_nd[:, self.columns]], dim=1)


def _reader(config: Config, task: FrozenTask) -> _Reader:
    grounding = _chosen_grounding(config, task)
    weight_cd, bias_c = grounding.weight_cd, grounding.bias_c
    if config.scores == "text":
        weight_cd = task.tower.text_vectors(config.text, grounding.names)
        bias_c = torch.zeros(len(weight_cd))
    scores = ConceptScores(
        names=grounding.names,
        weight_cd=weight_cd,
        bias_c=bias_c,
        probable=config.scores == "grounding",
    )
    columns = None
    if config.residual != "none":
        width, seed = weight_cd.shape[1], DRAW_SEED + task.context.replicate
        columns = drawn_columns(width, config.columns or width, seed)
    return _Reader(scores, columns)


def _origin(config: Config, task: FrozenTask) -> Origin:
    return Origin(backbone=config.backbone, clip=task.tower.clip, knowledge=config.knowledge)


def _reading(config: Config, task: FrozenTask) -> Reading:
    return Reading(
        data=config.data.name,
        transform=task.tower.transform,
        replicate=task.context.replicate,
    )


def _chosen_grounding(config: Config, task: FrozenTask) -> Grounding:
    context = task.context
    if INPUT not in context.inputs:
        raise ConfigError(
            f"trial {context.trial_id} has no input '{INPUT}': give its recipe "
            f"needs={{'{INPUT}': CellRef.of(...)}} of a cell of the trainable 'grounding'"
        )
    folder = context.inputs[INPUT]
    grounding, origin = load_grounding(folder)
    own = _origin(config, task)
    if origin != own:
        raise ConfigError(
            f"the grounding functions in {folder} were learned from {origin}, this trial has "
            f"{own}: both cells need the same backbone, weights, input 'clip' and knowledge"
        )
    names = choose_concepts(
        grounding.names,
        grounding.val_accuracy_c.tolist(),
        config.concepts,
        config.choice,
        DRAW_SEED + context.replicate,
    )
    return grounding.of(names)


def _prior(config: Config, task: FrozenTask, concepts: tuple[str, ...]) -> Tensor:
    classes = task.train.classes
    if not config.prior_weight:
        return torch.zeros(len(classes), len(concepts))
    priors = priors_of(config.data.name, task.context.locations)
    return prior_matrix(priors, classes, concepts)


def _head(
    config: Config, context: Context, reader: _Reader, train: Cases, prior_kc: Tensor
) -> KnoboHead | PcbmHead:
    classes, concepts = prior_kc.shape
    seed = seed_from(context.seed, "head")
    if reader.columns is None:
        return KnoboHead(prior_kc.to(context.device), config.prior_weight, seed)
    sparse = None
    if config.residual == "sequential":
        sparse = fit_sparse(train.x_nd[:, :concepts], train.labels, seed)
    return PcbmHead(
        concepts,
        len(reader.columns),
        classes,
        sparse=sparse,
        residual_l2=config.residual_l2,
        seed=seed,
    )


def _as_bottleneck(
    head: KnoboHead | PcbmHead, reader: _Reader, classes: tuple[str, ...]
) -> Bottleneck:
    if isinstance(head, KnoboHead):
        weight_kc, bias_k = head.weight.detach(), head.bias.detach()
        return Bottleneck(classes=classes, scores=reader.scores, weight_kc=weight_kc, bias_k=bias_k)
    residual_kd = torch.zeros(len(classes), reader.scores.weight_cd.shape[1])
    residual_kd[:, reader.columns] = head.residual.weight.detach()
    return Bottleneck(
        classes=classes,
        scores=reader.scores,
        weight_kc=head.bottleneck.weight.detach(),
        bias_k=(head.bottleneck.bias + head.residual.bias).detach(),
        residual_kd=residual_kd,
    )
