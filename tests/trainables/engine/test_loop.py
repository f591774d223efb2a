"""The training loop against a plain one, and what it promises about states and reports."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from trainables.config import seed_from
from trainables.context import Context, Locations, NonFiniteLossError
from trainables.engine import loop
from trainables.engine.config import FitConfig, OptimizerConfig, ScheduleConfig
from trainables.engine.loop import Training, fit, set_training_mode
from trainables.engine.placement import is_convolutional
from trainables.engine.selection import Best
from trainables.errors import ConfigError

CASES = 22
X = torch.randn(CASES, 4, generator=torch.Generator().manual_seed(0))
Y = (X.sum(dim=1) > 0).long()

Batch = tuple[Tensor, Tensor]
Reports = list[tuple[int, dict[str, float]]]


def net() -> nn.Module:
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))


def batches(indices: Sequence[Tensor]) -> Iterator[Batch]:
    for part in indices:
        yield X[part], Y[part]


def loss(model: nn.Module, batch: Batch) -> Tensor:
    return functional.cross_entropy(model(batch[0]), batch[1])


def train(
    model: nn.Module,
    context: Context,
    values: Sequence[float] | None = None,
    loss_function: object = loss,
    **settings: object,
) -> tuple[Best, Reports]:
    """Fit, with scripted validation values when given."""
    reports: Reports = []

    def send(step: int, metrics: Mapping[str, float]) -> None:
        reports.append((step, dict(metrics)))

    def evaluate(_step: int) -> dict[str, float]:
        with torch.no_grad():
            accuracy = float((model(X).argmax(1) == Y).float().mean())
        return {"val/accuracy": values[len(reports)] if values else accuracy}

    context.send = send
    training: Training[Batch] = Training(
        cases=CASES,
        batches=batches,
        loss=loss_function,  # type: ignore[arg-type]
        evaluate=evaluate,
    )
    config = FitConfig(**{"epochs": 3, "batch_size": 7, **settings})  # type: ignore[arg-type]
    return fit(model, training, config, context), reports


@pytest.fixture
def context(tmp_path: Path, locations: Locations) -> Context:
    return Context.local(tmp_path / "trial", locations, seed=5)


def test_equals_a_plain_loop(context: Context) -> None:
    model, plain = net(), net()
    best, reports = train(
        model,
        context,
        values=[0.1, 0.2, 0.3],
        optimizer=OptimizerConfig(name="sgd", lr=0.1),
        schedule=ScheduleConfig(name="cosine"),
        clip_norm=0.5,
    )
    optimizer = torch.optim.SGD(plain.parameters(), lr=0.1, momentum=0.9)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=9)
    expected = []
    for epoch in (1, 2, 3):
        seed = seed_from(context.seed, "epoch", epoch)
        order = torch.randperm(CASES, generator=torch.Generator().manual_seed(seed))[:21]
        total = 0.0
        for part in order.split(7):  # the 22nd case would be a batch of its own
            optimizer.zero_grad()
            value = loss(plain, (X[part], Y[part]))
            value.backward()
            nn.utils.clip_grad_norm_(plain.parameters(), 0.5)
            optimizer.step()
            schedule.step()
            total += float(value.detach()) * len(part)
        expected.append(total / 21)
    assert [m["train/loss"] for _, m in reports] == pytest.approx(expected)
    assert best.epoch == 3
    for mine, theirs in zip(model.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs)


@pytest.mark.parametrize(
    ("values", "epoch"),
    [([0.5, 0.9, 0.7], 2), ([0.8, 0.8, 0.8], 1), ([math.nan, 0.1, 0.0], 2), ([math.nan] * 3, 1)],
)
def test_ends_at_the_first_best_epoch(context: Context, values: list[float], epoch: int) -> None:
    model = net()
    seen: list[dict[str, Tensor]] = []

    def spying_loss(module: nn.Module, batch: Batch) -> Tensor:
        seen.append({k: v.clone() for k, v in module.state_dict().items()})
        return loss(module, batch)

    best, _ = train(model, context, values=values, loss_function=spying_loss)
    assert best.epoch == epoch
    if epoch < 3:  # the state before the first step of the next epoch is the one at its end
        after = seen[3 * epoch]
        assert all(torch.equal(after[k], v) for k, v in model.state_dict().items())


def test_finished_run_goes_straight_to_the_end(context: Context) -> None:
    first = net()
    best, reports = train(first, context)
    second = net()
    again, repeated = train(second, context)
    assert repeated == reports, "made again, as they may not have been heard"
    assert again.value == best.value
    assert all(
        torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True)
    )


def test_loss_that_is_not_a_number_fails_the_trial(context: Context) -> None:
    def broken(module: nn.Module, batch: Batch) -> Tensor:
        return loss(module, batch) * math.inf

    with pytest.raises(NonFiniteLossError, match="step 1"):
        train(net(), context, loss_function=broken)


def test_unknown_selection_metric_is_named(context: Context) -> None:
    with pytest.raises(ConfigError, match=r"val/acuracy.*val/accuracy"):
        train(net(), context, selection_metric="val/acuracy")


def test_reports_rate_loss_and_speed(context: Context) -> None:
    _, reports = train(
        net(), context, optimizer=OptimizerConfig(lr=0.5), schedule=ScheduleConfig(name="constant")
    )
    assert [step for step, _ in reports] == [1, 2, 3]
    for _, metrics in reports:
        assert metrics["train/lr"] == 0.5
        assert metrics["perf/images_per_s"] > 0
        assert metrics["perf/epoch_s"] > 0


def test_bf16_trains(context: Context) -> None:
    best, reports = train(net(), context, precision="bf16", optimizer=OptimizerConfig(lr=0.05))
    assert reports[-1][1]["train/loss"] < reports[0][1]["train/loss"]
    assert best.value > 0.5


def test_scaled_losses_train_as_plain_ones_do(
    tmp_path: Path, locations: Locations, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scaler of fp16 alone, without its arithmetic: clipping sees the true gradients.

    Scales are powers of two, so nothing is rounded on the way there and back. The gradients are
    above the bound; clipped while scaled they would train next to nothing.
    """
    monkeypatch.setattr(loop, "autocast", lambda *_: nullcontext())
    trained = {}
    for precision in ("fp32", "fp16"):
        trained[precision] = net()
        train(
            trained[precision],
            Context.local(tmp_path / precision, locations, seed=5),
            precision=precision,
            clip_norm=1e-2,
            optimizer=OptimizerConfig(name="sgd", lr=0.1),
        )
    start = net().state_dict()
    for name, plain in trained["fp32"].state_dict().items():
        assert not torch.equal(plain, start[name])
        torch.testing.assert_close(trained["fp16"].state_dict()[name], plain)


def test_clipping_bounds_the_step(context: Context) -> None:
    """Plain SGD with rate 1 moves by the gradient: never further than the clipped norm."""
    model = net()
    before = torch.cat([p.detach().flatten().clone() for p in model.parameters()])
    train(
        model,
        context,
        epochs=1,
        clip_norm=1e-3,
        optimizer=OptimizerConfig(name="sgd", lr=1.0, momentum=0.0),
        schedule=ScheduleConfig(name="constant"),
    )
    after = torch.cat([p.detach().flatten() for p in model.parameters()])
    assert 0 < float((after - before).norm()) <= 3 * 1e-3 * 1.001


def test_frozen_parts_keep_their_statistics_and_weights(context: Context) -> None:
    model = nn.Sequential(nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 2))
    frozen = nn.Sequential(model[0], model[1])
    whole = nn.Sequential(frozen, model[2])
    frozen.requires_grad_(False)
    before = {k: v.clone() for k, v in frozen.state_dict().items()}
    head = model[2].weight.detach().clone()
    train(whole, context, epochs=1)
    assert all(torch.equal(before[k], v) for k, v in frozen.state_dict().items())
    assert not torch.equal(head, model[2].weight)
    set_training_mode(whole)
    assert not model[1].training
    assert model[2].training


def test_only_conv_nets_count_as_convolutional() -> None:
    patches = nn.Sequential(nn.Conv2d(3, 8, 8, stride=8), nn.Flatten(), nn.Linear(8, 2))
    assert not is_convolutional(patches)
    assert is_convolutional(nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3)))
