"""Batches computed in parts take the step of the whole batch, or say why they cannot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from trainables.context import Context, Locations
from trainables.engine.batches import ImageBatch, split_images
from trainables.engine.config import FitConfig
from trainables.engine.loop import Training, fit
from trainables.engine.micro_batches import Split
from trainables.errors import ResourceError

CASES = 22
X = torch.randn(CASES, 3, 4, 4, generator=torch.Generator().manual_seed(0))
Y = torch.arange(CASES) % 2


def _batches(indices: Sequence[Tensor]) -> Iterator[ImageBatch]:
    for part in indices:
        yield ImageBatch(X[part], Y[part])


def _net(*norms: nn.Module) -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(*norms, nn.Flatten(), nn.Linear(48, 6), nn.GELU(), nn.Linear(6, 2))


def _fit(
    model: nn.Module,
    context: Context,
    micro_batches: int,
    split: Split[ImageBatch] | None = split_images,
) -> dict[str, float]:
    """Train in batches of 7, 7, 7 and 1 (left out); return the last report."""
    reports: list[dict[str, float]] = []
    context.send = lambda _step, metrics: reports.append(dict(metrics))
    context.micro_batches = micro_batches
    training: Training[ImageBatch] = Training(
        cases=CASES,
        batches=_batches,
        loss=lambda module, batch: functional.cross_entropy(module(batch.x_nchw), batch.labels),
        evaluate=lambda _step: {"val/accuracy": float(len(reports))},
        split=split,
    )
    fit(model, training, FitConfig(epochs=2, batch_size=7, clip_norm=0.5), context)
    return reports[-1]


def _context(folder: Path, locations: Locations) -> Context:
    return Context.local(folder, locations, seed=5)


@pytest.mark.parametrize("micro_batches", [2, 4, 16])
def test_parts_of_unequal_size_train_as_the_whole_batch_does(
    tmp_path: Path, locations: Locations, micro_batches: int
) -> None:
    whole, parts = _net(), _net()
    expected = _fit(whole, _context(tmp_path / "whole", locations), 1)
    told = _fit(parts, _context(tmp_path / "parts", locations), micro_batches)
    for mine, theirs in zip(parts.parameters(), whole.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs)
    assert told["train/loss"] == pytest.approx(expected["train/loss"], rel=1e-5)
    assert told["perf/micro_batches"] == micro_batches
    assert "perf/micro_batches" not in expected


def test_no_forward_pass_sees_more_than_its_part(tmp_path: Path, locations: Locations) -> None:
    model, seen = _net(), []
    model.register_forward_pre_hook(lambda _, given: seen.append(len(given[0])))
    _fit(model, _context(tmp_path / "trial", locations), 4)
    assert max(seen) == 2


@pytest.mark.parametrize(
    ("norms", "split", "reason"),
    [
        ([], None, "its loss compares the cases of a batch"),
        ([nn.BatchNorm2d(3)], split_images, "its batch norms see the whole batch"),
    ],
)
def test_what_needs_the_whole_batch_refuses_parts_and_says_why(
    tmp_path: Path,
    locations: Locations,
    norms: list[nn.Module],
    split: Split[ImageBatch] | None,
    reason: str,
) -> None:
    context = _context(tmp_path / "trial", locations)
    with pytest.raises(ResourceError, match=reason):
        _fit(_net(*norms), context, 2, split)
    assert not context.splittable
    assert _fit(_net(*norms), context, 1, split)


def test_frozen_batch_norms_do_not_stand_in_the_way(tmp_path: Path, locations: Locations) -> None:
    norm = nn.BatchNorm2d(3).requires_grad_(False)
    context = _context(tmp_path / "trial", locations)
    assert _fit(_net(norm), context, 2)["perf/micro_batches"] == 2
    assert context.splittable
