"""What a twin learns from generated shapes: words, what is where, and what sentences name.

Told apart, each takes some hundred steps. From masks alone a network learns to cut out all shapes
long before it starts to read.

Axes: n pictures, c channels, h rows, w columns, t places row by row, d width.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - PyTorch's own name for it

from trainables.data.twins.canvas import Ints
from trainables.data.twins.referring_shapes import TRAITS, Scenes, Sentences, draw_scenes, refer
from trainables.models.segmenter_card import SegmenterCard
from trainables.models.segmenter_twin_recipe import Curriculum, Lesson

SENTENCES = 4
"""Per picture."""

_COVERED = 0.35
"""Share of a place from which on a shape counts as what it shows."""

_NOTHING_WEIGHT = 0.3
_DICE_WEIGHT = 0.5
_WARMUP_STEPS = 10


class Traits(nn.Module):
    """One classifier per trait of a shape; the last class of each is that there is none."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.heads = nn.ModuleList(nn.Linear(dim, values + 1) for values in TRAITS.values())

    def loss(self, feats_nd: Tensor, known: list[Tensor]) -> Tensor:
        """Return the mean cross-entropy over traits, given the class (n,) of each."""
        normed_nd = self.norm(feats_nd)
        losses = []
        for head, known_n, values in zip(self.heads, known, TRAITS.values(), strict=True):
            weight_k = torch.ones(values + 1)
            weight_k[-1] = _NOTHING_WEIGHT
            losses.append(F.cross_entropy(head(normed_nd), known_n, weight=weight_k))
        return torch.stack(losses).mean()


class Lessons:
    """Pictures of shapes for one card, and sentences about them.

    Args:
        x_nchw: the pictures, normalised.
        sentences: several for each picture.
    """

    def __init__(self, card: SegmenterCard, curriculum: Curriculum) -> None:
        self._curriculum = curriculum
        self._scenes = draw_scenes(curriculum.pictures, card.image_size_px, seed=0)
        mean_c11, sd_c11 = (torch.tensor(v)[:, None, None] for v in (card.mean, card.std))
        self.x_nchw = (torch.from_numpy(self._scenes.pixels_nchw) / 255 - mean_c11) / sd_c11
        self.sentences = [refer(self._scenes, seed) for seed in range(SENTENCES)]

    def words(self, read: Callable[[list[str]], Tensor], trained: Iterable[nn.Parameter]) -> None:
        """Teach to tell from a text's vector what it names.

        Args:
            read: from texts to vectors (n, d).
        """
        traits = Traits(read(["shape"]).shape[1])
        known = [_classes(sentences.named) for sentences in self.sentences]

        def loss(rows: Tensor, which: int) -> Tensor:
            texts = [self.sentences[which].texts[row] for row in rows.tolist()]
            return traits.loss(read(texts), [known_n[rows] for known_n in known[which]])

        self._fit(loss, [*trained, *traits.parameters()], self._curriculum.words)

    def places(self, look: Callable[[Tensor], Tensor], trained: Iterable[nn.Parameter]) -> None:
        """Teach to tell from the feature of a place what it shows.

        Args:
            look: from pictures to features (n, t, d) of a square grid.
        """
        _, places, dim = look(self.x_nchw[:2]).shape
        known = _traits_of_places(self._scenes, math.isqrt(places))
        traits = Traits(dim)

        def loss(rows: Tensor, _which: int) -> Tensor:
            feats_ntd = look(self.x_nchw[rows])
            return traits.loss(feats_ntd.flatten(0, 1), [k_nt[rows].flatten() for k_nt in known])

        self._fit(loss, [*trained, *traits.parameters()], self._curriculum.places)

    def matching(
        self, match: Callable[[Tensor, int], Tensor], trained: Iterable[nn.Parameter]
    ) -> None:
        """Teach where a picture shows what a text names, on a coarse grid.

        Args:
            match: from rows and a number of the sentence to logits (n, t) of a square grid.
        """
        cells = math.isqrt(match(torch.arange(2), 0).shape[1])
        shares = [F.adaptive_avg_pool2d(_masks(s), cells).flatten(1) for s in self.sentences]

        def loss(rows: Tensor, which: int) -> Tensor:
            share_nt = shares[which][rows]
            return F.binary_cross_entropy_with_logits(
                match(rows, which), share_nt, weight=1 + 2 * share_nt
            )

        self._fit(loss, trained, self._curriculum.matching)

    def masks(
        self, segment: Callable[[Tensor, int], Tensor], trained: Iterable[nn.Parameter]
    ) -> None:
        """Teach to cut out what a text names.

        Args:
            segment: from rows and a number of the sentence to logits (n, 1, h, w).
        """
        masks = [_masks(sentences) for sentences in self.sentences]

        def loss(rows: Tensor, which: int) -> Tensor:
            return _mask_loss(segment(rows, which)[:, 0], masks[which][rows])

        self._fit(loss, trained, self._curriculum.masks)

    def _fit(
        self,
        loss: Callable[[Tensor, int], Tensor],
        trained: Iterable[nn.Parameter],
        lesson: Lesson,
    ) -> None:
        parameters = list(trained)
        optimizer = torch.optim.AdamW(parameters, lr=lesson.lr)
        for step in range(lesson.steps):
            for group in optimizer.param_groups:
                group["lr"] = lesson.lr * _share_of_lr(step, lesson.steps)
            rows = torch.randint(len(self.x_nchw), (lesson.batch_size,))
            value = loss(rows, step % SENTENCES)
            optimizer.zero_grad()
            value.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()


def _masks(sentences: Sentences) -> Tensor:
    return torch.from_numpy(sentences.masks_nhw).float()


def _classes(named: Mapping[str, Ints]) -> list[Tensor]:
    """Return traits as classes; what is not there is the last one."""
    return [
        torch.where((found := torch.from_numpy(named[name])) < 0, values, found)
        for name, values in TRAITS.items()
    ]


def _traits_of_places(scenes: Scenes, cells: int) -> list[Tensor]:
    """Return the class (n, t) of each trait of what covers most of a place."""
    shares_nmt = F.adaptive_avg_pool2d(torch.from_numpy(scenes.masks_nmhw).float(), cells)
    share_nt, shape_nt = shares_nmt.flatten(2).max(dim=1)
    classes = _classes(scenes.traits)
    return [
        torch.where(share_nt > _COVERED, known_nm.gather(1, shape_nt), values)
        for known_nm, values in zip(classes, TRAITS.values(), strict=True)
    ]


def _mask_loss(logits_nhw: Tensor, y_nhw: Tensor) -> Tensor:
    p_nhw, there_n = logits_nhw.sigmoid(), y_nhw.amax(dim=(1, 2)) > 0
    common_n = (p_nhw * y_nhw).sum(dim=(1, 2))
    dice_n = 2 * common_n / (p_nhw.sum(dim=(1, 2)) + y_nhw.sum(dim=(1, 2)))
    missed = ((1 - dice_n) * there_n).sum() / there_n.sum().clamp(min=1)
    return F.binary_cross_entropy_with_logits(logits_nhw, y_nhw) + _DICE_WEIGHT * missed


def _share_of_lr(step: int, steps: int) -> float:
    warm = min(1.0, (step + 1) / _WARMUP_STEPS)
    return warm * 0.5 * (1 + math.cos(math.pi * step / steps))
