"""Optimizers and number formats do what the configs say."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from trainables.engine.config import AdamMoments, FitConfig, OptimizerConfig
from trainables.engine.optimizer import create_optimizer
from trainables.engine.precision import autocast, create_scaler
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


def test_adam_adds_its_decay_to_the_gradient() -> None:
    torch.manual_seed(0)
    mine, plain = nn.Linear(3, 2, bias=False), nn.Linear(3, 2, bias=False)
    plain.load_state_dict(mine.state_dict())
    optimizer = create_optimizer(mine, OptimizerConfig(name="adam", lr=0.1, weight_decay=0.5))
    reference = torch.optim.Adam(plain.parameters(), lr=0.1)
    for _ in range(3):
        mine.weight.grad = torch.ones(2, 3)
        plain.weight.grad = torch.ones(2, 3) + 0.5 * plain.weight.detach()
        optimizer.step()
        reference.step()
    torch.testing.assert_close(mine.weight, plain.weight)


CARDS = {"deit_small": "deit_small_patch16_224", "resnet50": "resnet50"}


@pytest.mark.parametrize("data", ["APTOS2019", "DDSM"])
@pytest.mark.parametrize("name", sorted(CARDS))
def test_groups_of_the_published_models_conform(
    golden: Callable[[str], Any], name: str, data: str
) -> None:
    import timm

    table = golden("parameter_groups")
    classes, channels = table["classes"][data], table["input_channels"][data]
    with torch.device("meta"):
        built = timm.create_model(CARDS[name], num_classes=classes, in_chans=channels)
    optimizer = create_optimizer(built, OptimizerConfig(name="adam", weight_decay=1e-5))
    got = {
        "decayed" if group["weight_decay"] else "not_decayed": {
            "tensors": len(group["params"]),
            "elements": sum(p.numel() for p in group["params"]),
        }
        for group in optimizer.param_groups
    }
    assert got == table["models"][name]["groups"][data]


def test_lars_scales_gradients_by_the_formula() -> None:
    torch.manual_seed(0)
    layer = nn.Linear(3, 2)
    before = {name: p.detach().clone() for name, p in layer.named_parameters()}
    config = OptimizerConfig(name="sgd", lr=0.5, momentum=0.0, weight_decay=0.1, lars_trust=0.02)
    optimizer = create_optimizer(layer, config)
    grads = {name: torch.randn_like(p) for name, p in before.items()}
    for name, parameter in layer.named_parameters():
        parameter.grad = grads[name].clone()
    optimizer.step()
    for name, after in layer.named_parameters():
        decay = 0.1 if name == "weight" else 0.0
        size, slope = before[name].norm(), grads[name].norm()
        factor = 0.02 * size / (slope + decay * size + 1e-8)
        expected = before[name] - 0.5 * factor * (grads[name] + decay * before[name])
        torch.testing.assert_close(after.detach(), expected)


def test_lars_leaves_gradients_of_zero_weights_as_they_are() -> None:
    layer = nn.Linear(1, 1)
    nn.init.zeros_(layer.weight)
    nn.init.ones_(layer.bias)
    optimizer = create_optimizer(
        layer, OptimizerConfig(name="sgd", lr=1.0, momentum=0.0, lars_trust=0.01)
    )
    layer.weight.grad, layer.bias.grad = torch.full((1, 1), 2.0), torch.zeros(1)
    optimizer.step()
    assert float(layer.weight.detach()) == -2
    assert float(layer.bias.detach()) == 1


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
        {"val_every": 0.0},
        {"val_every": 2.0},
        {"selection": "last"},
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
        {"lars_trust": -1.0},
    ],
)
def test_optimizer_config_refuses_nonsense(values: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=next(iter(values))):
        OptimizerConfig(**values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "theirs"), [("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW)]
)
def test_moments_of_adam_are_those_asked_for(name: Any, theirs: Any) -> None:
    torch.manual_seed(0)
    layer = nn.Linear(3, 1, bias=False)
    twin = copy.deepcopy(layer)
    moments = AdamMoments(betas=(0.5, 0.7), eps=0.1)
    mine = create_optimizer(layer, OptimizerConfig(name=name, lr=0.1), moments)
    other = theirs(twin.parameters(), lr=0.1, betas=(0.5, 0.7), eps=0.1, weight_decay=0.0)
    for step in range(3):
        for model, optimizer in ((layer, mine), (twin, other)):
            optimizer.zero_grad()
            (model(torch.full((2, 3), step + 1.0)) ** 2).sum().backward()
            optimizer.step()
    torch.testing.assert_close(layer.weight, twin.weight)


@pytest.mark.parametrize("values", [{"betas": (0.9, 1.0)}, {"eps": 0.0}])
def test_impossible_moments_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        AdamMoments(**values)
