"""The body of the labo trainable.

Legend: n pictures, m phrases, d width, k classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from trainables.analyses.frozen import FrozenTask
from trainables.analyses.head_training import Cases, train_head
from trainables.concepts.phrase_choice import chosen_by_class, information
from trainables.concepts.phrase_head import PhraseHead
from trainables.context import Context
from trainables.data.atomic_file import write_json
from trainables.data.class_phrases import phrases_of
from trainables.data.image_set import ImageSet
from trainables.data.open import open_split
from trainables.errors import ConfigError

if TYPE_CHECKING:
    from trainables.labo import Config


class _Phrases(NamedTuple):
    """The phrases that are kept, class by class: words, vectors of length one, classes."""

    texts: list[str]
    unit_md: Tensor
    class_m: Tensor

    def cosines(self, feats_nd: Tensor) -> Tensor:
        """Return what the head reads of pictures, (n, m)."""
        return functional.normalize(feats_nd, dim=1) @ self.unit_md.T


def train_and_test(config: Config, context: Context) -> dict[str, float]:
    """Do what :func:`trainables.labo.run` promises."""
    task = FrozenTask(config, context, config.resize)
    if task.train.task != "multiclass":
        raise ConfigError(f"'{config.data.name}' is multilabel: phrases tell classes apart")
    phrases = _kept(config, task)

    def cases(images: ImageSet) -> Cases:
        return Cases(phrases.cosines(task.feats(images)), images.labels)

    train, val = cases(task.train), cases(open_split(config.data, "val", context))
    head = PhraseHead(phrases.class_m, len(task.train.classes))
    trained = train_head(head, train, val, "multiclass", config.training.fit_config(), context)
    if not context.final:
        return {}
    metrics = task.test(lambda feats_nd: trained.logits(phrases.cosines(feats_nd)))
    if context.is_main:
        _write(head, phrases, task.train.classes, context)
    return metrics | trained.chosen()


def _kept(config: Config, task: FrozenTask) -> _Phrases:
    """Choose phrases by the training pictures."""
    classes = task.train.classes
    said = phrases_of(config.data.name, classes, task.context.locations)
    # All at once: the text tower is read for it.
    unit_md = task.tower.text_vectors(config.text, [text for texts in said for text in texts])
    train_nd = functional.normalize(task.feats(task.train), dim=1)
    told_m = information(train_nd, task.train.labels, unit_md, len(classes))
    by_class = torch.split(unit_md, [len(texts) for texts in said])
    chosen = chosen_by_class(
        told_m, by_class, config.per_class, config.information_weight, config.coverage_weight
    )
    return _Phrases(
        [texts[i] for texts, kept in zip(said, chosen, strict=True) for i in kept],
        torch.cat([of_class[kept] for of_class, kept in zip(by_class, chosen, strict=True)]),
        torch.tensor([label for label, kept in enumerate(chosen) for _ in kept]),
    )


def _write(head: PhraseHead, phrases: _Phrases, classes: tuple[str, ...], context: Context) -> None:
    """Write what speaks for each class, the strongest first."""
    by_class = {}
    about = [classes[label] for label in phrases.class_m.tolist()]
    for name, weight_m in zip(classes, head.weight_km.tolist(), strict=True):
        rows = zip(phrases.texts, about, weight_m, strict=True)
        ranked = sorted(rows, key=lambda row: -row[2])
        by_class[name] = [{"phrase": text, "of": of, "weight": w} for text, of, w in ranked]
    write_json(context.artifacts / "labo.json", {"classes": by_class})
