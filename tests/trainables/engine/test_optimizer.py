"""Optimizers, schedules and number formats do what the configs say."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from trainables.engine.config import FitConfig, OptimizerConfig, ScheduleConfig
from trainables.engine.optimizer import create_optimizer
from trainables.engine.precision import autocast, create_scaler
from trainables.engine.schedule import create_schedule
from trainables.errors import ConfigError


def model() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 2))


def test_decay_skips_biases_and_one_dimensional_parameters() -> None:
    built = model()
    optimizer = create_optimizer(built, OptimizerConfig(weight_decay=0.1))
    decay = {id(p): g["weight_decay"] for g in optimizer.param_groups for p in g["params"]}
    got = {name: decay[id(p)] for name, p in built.named_parameters()}
    assert {name for name, value in got.items() if value == 0.1} == {"0.weight", "3.weight"}
    assert {name for name, value in got.items() if value == 0.0} == set(got) - {
        "0.weight",
        "3.weight",
    }


def test_frozen_parameters_are_left_out() -> None:
    built = model()
    built.requires_grad_(False)
    nn.Module.requires_grad_(list(built)[-1], True)
    optimizer = create_optimizer(built, OptimizerConfig(name="sgd"))
    assert sum(len(g["params"]) for g in optimizer.param_groups) == 2


def test_adamw_decay_is_decoupled_and_adam_decay_is_not() -> None:
    """With a zero gradient AdamW shrinks weights by lr x decay; Adam moves them by about lr."""
    after = {}
    for name in ("adamw", "adam"):
        layer = nn.Linear(1, 1, bias=False)
        layer.weight.data.fill_(1.0)
        config = OptimizerConfig(name=name, lr=0.01, weight_decay=0.1)  # type: ignore[arg-type]
        optimizer = create_optimizer(layer, config)
        layer.weight.grad = torch.zeros_like(layer.weight)
        optimizer.step()
        after[name] = float(layer.weight.detach())
    assert after["adamw"] == pytest.approx(1 - 0.01 * 0.1)
    assert after["adam"] == pytest.approx(1 - 0.01, rel=1e-4)


def rates(config: ScheduleConfig, steps: int, lr: float = 2.0) -> list[float]:
    optimizer = create_optimizer(nn.Linear(1, 1), OptimizerConfig(name="sgd", lr=lr))
    schedule = create_schedule(optimizer, config, steps)
    seen = []
    for _ in range(steps):
        seen.append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
    return seen


def test_warmup_is_linear_and_reaches_the_rate() -> None:
    assert rates(ScheduleConfig(name="constant", warmup_steps=4), 6) == pytest.approx(
        [0.5, 1.0, 1.5, 2.0, 2.0, 2.0]
    )


def test_cosine_equals_torch_cosine_annealing() -> None:
    optimizer = torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=2.0)
    reference = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=10)
    expected = []
    for _ in range(10):
        expected.append(reference.get_last_lr()[0])
        optimizer.step()
        reference.step()
    assert rates(ScheduleConfig(name="cosine"), 10) == pytest.approx(expected)


def test_cosine_starts_after_the_warmup() -> None:
    seen = rates(ScheduleConfig(name="cosine", warmup_steps=2), 6)
    tail = [1 + math.cos(math.pi * i / 4) for i in range(4)]
    assert seen == pytest.approx([1.0, 2.0, *tail])


def test_warmup_longer_than_the_run_is_refused() -> None:
    with pytest.raises(ConfigError, match="only 5 steps"):
        rates(ScheduleConfig(warmup_steps=5), 5)


def test_fp16_on_cpu_is_refused() -> None:
    with pytest.raises(ConfigError, match="fp16 needs a GPU"), autocast("fp16", "cpu"):
        pass


def test_bf16_runs_matrix_products_in_bf16() -> None:
    with autocast("bf16", "cpu"):
        assert nn.Linear(2, 2)(torch.ones(1, 2)).dtype == torch.bfloat16
    with autocast("fp32", "cpu"):
        assert nn.Linear(2, 2)(torch.ones(1, 2)).dtype == torch.float32


def test_loss_is_scaled_for_fp16_only() -> None:
    assert not create_scaler("fp32", "cpu").is_enabled()
    assert not create_scaler("bf16", "cpu").is_enabled()


@pytest.mark.parametrize(
    "values",
    [
        {"epochs": 0},
        {"batch_size": 1},
        {"precision": "int8"},
        {"clip_norm": -1.0},
        {"selection_metric": "test/accuracy"},
    ],
)
def test_fit_config_refuses_nonsense(values: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=next(iter(values))):
        FitConfig(**{"epochs": 1, "batch_size": 4, **values})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "values",
    [
        {"name": "lion"},
        {"lr": 0.0},
        {"lr": float("nan")},
        {"weight_decay": -1.0},
        {"momentum": 1.0},
    ],
)
def test_optimizer_config_refuses_nonsense(values: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=next(iter(values))):
        OptimizerConfig(**values)  # type: ignore[arg-type]
