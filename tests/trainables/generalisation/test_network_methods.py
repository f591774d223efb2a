"""What methods train, what they keep, and what their configs refuse."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from trainables.config import BackboneRef, canonical, from_mapping
from trainables.context import Context, Locations
from trainables.engine.batches import ImageBatch
from trainables.engine.loop import set_training_mode
from trainables.errors import ConfigError
from trainables.generalisation.config import InvarianceConfig, LossConfig, MethodConfig
from trainables.generalisation.create import METHODS, create_method
from trainables.generalisation.method import Method, Setting

RESNET = BackboneRef(card="resnet18_twin", weights="random")
CLASSES = ("none", "mild", "severe")


@pytest.fixture
def setting(locations: Locations) -> Setting:
    context = Context.local(locations.store, locations, seed=3)
    return Setting(classes=CLASSES, domains=2, image_size_px=40, context=context)


def batch(seed: int) -> ImageBatch:
    generator = torch.Generator().manual_seed(seed)
    return ImageBatch(torch.randn(4, 3, 40, 40, generator=generator), torch.tensor([0, 1, 2, 0]))


def statistics(method: Method) -> list[torch.Tensor]:
    return [
        module.running_mean.clone()
        for module in method.modules()
        if isinstance(module, nn.BatchNorm2d) and module.running_mean is not None
    ]


OWN = ("erm", "linear_probe", "irm", "vrex", "group_dro", "mixup", "mmd", "coral")


@pytest.mark.parametrize("name", OWN)
def test_methods_give_every_trained_parameter_a_gradient(name: str, setting: Setting) -> None:
    method = create_method(MethodConfig(name=name, backbone=RESNET), setting)
    set_training_mode(method)
    loss = method.loss([batch(0), batch(1)])
    torch.autograd.backward(loss)
    assert loss.shape == ()
    assert all(parameter.grad is not None for parameter in method.trained_parameters())
    assert method.eval()(batch(0).x_nchw).shape == (4, 3)


def test_a_linear_probe_trains_its_layer_only(setting: Setting) -> None:
    method = create_method(MethodConfig(name="linear_probe", backbone=RESNET), setting)
    before = statistics(method)
    assert sum(p.numel() for p in method.trained_parameters()) == 128 * 3 + 3
    set_training_mode(method)
    method.loss([batch(0), batch(1)])
    assert all(map(torch.equal, before, statistics(method)))


@pytest.mark.parametrize("freeze", [True, False])
def test_frozen_norms_keep_statistics_and_train_scales(freeze: bool, setting: Setting) -> None:
    config = MethodConfig(name="erm", backbone=RESNET, freeze_norms=freeze)
    method = create_method(config, setting)
    before = statistics(method)
    set_training_mode(method)
    torch.autograd.backward(method.loss([batch(0), batch(1)]))
    kept = [torch.equal(a, b) for a, b in zip(before, statistics(method), strict=True)]
    assert all(kept) if freeze else not any(kept)
    norms = [module for module in method.modules() if isinstance(module, nn.BatchNorm2d)]
    assert all(norm.weight.grad is not None for norm in norms)


def test_erm_is_the_loss_of_all_pictures_together(setting: Setting) -> None:
    config = MethodConfig(
        name="erm", backbone=RESNET, loss=LossConfig(name="focal", class_weights=(0.5, 1.0, 1.0))
    )
    method = create_method(config, setting).eval()
    both = [batch(0), batch(1)]
    p_nk = torch.softmax(method(torch.cat([b.x_nchw for b in both])), 1)
    labels = torch.cat([b.labels for b in both])
    p_n = p_nk[torch.arange(8), labels]
    alpha_n = torch.tensor([0.5, 1.0, 1.0])[labels]
    expected = (-alpha_n * (1 - p_n) ** 2 * p_n.log()).mean()
    torch.testing.assert_close(method.loss(both), expected)


def test_dropout_acts_in_training_only(setting: Setting) -> None:
    config = MethodConfig(name="erm", backbone=RESNET, dropout=0.5, freeze_norms=True)
    method = create_method(config, setting)
    x_nchw = batch(0).x_nchw
    assert torch.equal(method.eval()(x_nchw), method(x_nchw))
    assert not torch.equal(method.train()(x_nchw), method(x_nchw))


def test_the_seed_decides_what_is_drawn(setting: Setting, locations: Locations) -> None:
    config = MethodConfig(name="erm", backbone=RESNET)
    other = Setting(
        classes=CLASSES,
        domains=2,
        image_size_px=40,
        context=Context.local(locations.store, locations, seed=4),
    )
    first, again, changed = (
        create_method(config, chosen).state_dict() for chosen in (setting, setting, other)
    )
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["network.head.weight"], changed["network.head.weight"])


def test_annealed_methods_restart_the_optimizer_where_the_penalty_jumps(setting: Setting) -> None:
    config = MethodConfig(name="irm", backbone=RESNET, invariance=InvarianceConfig(anneal_steps=2))
    method = create_method(config, setting)
    restarts = []
    for method.step in range(4):
        restarts.append(method.restarts_optimizer())
    assert restarts == [False, False, True, False]
    assert not create_method(
        MethodConfig(name="erm", backbone=RESNET), setting
    ).restarts_optimizer()


def test_defaults_are_those_of_domainbeds_registry() -> None:
    found = InvarianceConfig()
    assert (found.irm_weight, found.vrex_weight, found.anneal_steps) == (100, 10, 500)
    assert (found.group_dro_eta, found.mixup_alpha, found.matching_weight) == (0.01, 0.2, 1)


def test_every_method_names_a_function_that_builds_it() -> None:
    import importlib

    for target in METHODS.values():
        module, _, function = target.partition(":")
        assert callable(getattr(importlib.import_module(module), function))


def test_a_config_is_rebuilt_from_its_canonical_form() -> None:
    config = MethodConfig(
        name="erm", backbone=RESNET, loss=LossConfig(class_weights=(0.5, 1.0)), dropout=0.1
    )
    assert from_mapping(MethodConfig, canonical(config)) == config


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"name": "em"}, "there is no method 'em'. Did you mean 'erm'"),
        ({"name": "erm", "dropout": 1.0}, "dropout must be in"),
    ],
)
def test_impossible_methods_are_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        MethodConfig(backbone=RESNET, **wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["irm_weight", "group_dro_eta", "mixup_alpha"])
def test_impossible_weights_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=f"invariance.{name} must be"):
        InvarianceConfig(**{name: -1.0})
