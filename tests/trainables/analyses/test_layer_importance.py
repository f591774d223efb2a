"""Resetting one layer at a time: what is evaluated, and that nothing of it stays."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch
from analysed_networks import SMALL, pictures, small_classifier
from torch import Tensor, nn

from trainables.analyses.layer_importance import layer_importance
from trainables.analyses.layers import Layer, analysed_layers
from trainables.context import Locations
from trainables.errors import WeightsError


def copied(model: nn.Module) -> dict[str, Tensor]:
    tensors = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    return {name: tensor.detach().clone() for name, tensor in tensors.items()}


def assert_same(model: nn.Module, before: Mapping[str, Tensor]) -> None:
    after = copied(model)
    assert after.keys() == before.keys()
    for name, tensor in after.items():
        assert torch.equal(tensor, before[name]), name


def others_initial(name: str, locations: Locations) -> dict[str, Tensor]:
    """A state that differs from the model's in every tensor, batch statistics included."""
    other = small_classifier(name, locations, seed=1)
    return {key: value + 1 for key, value in other.state_dict().items()}


@pytest.mark.parametrize("name", SMALL)
def test_each_layer_alone_is_reset_and_then_as_before(name: str, locations: Locations) -> None:
    model = small_classifier(name, locations)
    model.train()
    initial, layers = others_initial(name, locations), analysed_layers(model.backbone)
    before, trained_state = copied(model), {k: v.clone() for k, v in model.state_dict().items()}
    seen = []

    def evaluate(evaluated: nn.Module) -> dict[str, float]:
        assert not any(module.training for module in evaluated.modules())
        assert not torch.is_grad_enabled()
        state = evaluated.state_dict()
        seen.append({key for key in state if not torch.equal(state[key], trained_state[key])})
        assert all(torch.equal(state[key], initial[key]) for key in seen[-1])
        return {"changed": float(len(seen[-1]))}

    found = layer_importance(model, initial, layers, evaluate)
    assert_same(model, before)
    assert all(module.training for module in model.modules())
    expected = [{key for key in initial if key.startswith(ly.path + ".")} for ly in layers]
    assert seen == [set(), *expected]
    assert list(found.reset) == [layer.name for layer in layers]
    assert found.drop("changed") == {
        layer.name: -len(keys) for layer, keys in zip(layers, expected, strict=True)
    }


def test_metrics_equal_those_of_a_model_built_of_both_states(locations: Locations) -> None:
    model, mixed = (small_classifier("resnet50_twin", locations) for _ in range(2))
    initial, layers = others_initial("resnet50_twin", locations), analysed_layers(model.backbone)
    x_nchw = pictures(model, 2)
    found = layer_importance(model, initial, layers, lambda m: {"sum": float(m(x_nchw).sum())})
    for layer in layers:
        state = model.state_dict()
        state |= {key: value for key, value in initial.items() if f"{layer.path}." in key}
        mixed.load_state_dict(state)
        with torch.no_grad():
            assert found.reset[layer.name]["sum"] == float(mixed(x_nchw).sum()), layer.name


def test_failing_evaluation_leaves_the_model_as_it_was(locations: Locations) -> None:
    model = small_classifier("deit_s_twin", locations)
    initial, layers = others_initial("deit_s_twin", locations), analysed_layers(model.backbone)
    before, calls = copied(model), []

    def evaluate(_model: nn.Module) -> dict[str, float]:
        calls.append(1)
        if len(calls) == 3:
            raise ValueError("out of memory")
        return {}

    with pytest.raises(ValueError, match="out of memory"):
        layer_importance(model, initial, layers, evaluate)
    assert_same(model, before)


def test_state_of_another_model_is_refused_before_anything_runs() -> None:
    model = nn.ModuleDict({"a": nn.Linear(2, 2), "b": nn.BatchNorm1d(2)})
    layers = [Layer(name=n, path=n, kind="block", layout="tokens") for n in ("a", "b")]
    initial = {key: v for key, v in model.state_dict().items() if key != "b.running_var"}

    def never(_model: nn.Module) -> dict[str, float]:
        raise AssertionError("evaluated")

    with pytest.raises(WeightsError, match=r"'b\.running_var'"):
        layer_importance(model, initial, layers, never)
