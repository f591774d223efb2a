"""Outputs of all layers from one pass, against hooks that each copy one layer's output."""

from __future__ import annotations

import pytest
import torch
from analysed_networks import SMALL, pictures, small_classifier
from torch import Tensor, nn

from trainables.analyses.capture import capture, capture_reduced
from trainables.analyses.layers import analysed_layers
from trainables.context import Locations
from trainables.errors import SelectionError


def one_layer(model: nn.Module, path: str, x_nchw: Tensor) -> Tensor:
    """Run the model for one layer; the copy is out of reach of what later layers do in place."""
    found = []

    def hook(_module: nn.Module, _inputs: object, output: Tensor | tuple[Tensor, ...]) -> None:
        found.append((output[0] if isinstance(output, tuple) else output).clone())

    handle = model.get_submodule(path).register_forward_hook(hook)
    with torch.no_grad():
        model(x_nchw)
    handle.remove()
    return found[0]


@pytest.mark.parametrize("name", SMALL)
def test_one_pass_equals_one_pass_per_layer(name: str, locations: Locations) -> None:
    model = small_classifier(name, locations)
    x_nchw = pictures(model, 2)
    paths = [layer.path for layer in analysed_layers(model.backbone)]
    together = capture(model, paths, x_nchw)
    assert list(together) == paths
    for path in paths:
        assert torch.equal(together[path], one_layer(model, path, x_nchw)), path


@pytest.fixture
def net() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 3), nn.Dropout(0.9), nn.Linear(3, 2))


def hooks(model: nn.Module) -> int:
    return sum(len(module._forward_hooks) for module in model.modules())


def test_modes_are_restored_and_dropout_is_off(net: nn.Module) -> None:
    net.train()
    net[2].eval()
    x = torch.ones(5, 4)
    first, second = (capture(net, ["1", "2"], x) for _ in range(2))
    assert torch.equal(first["2"], second["2"])
    assert not first["2"].requires_grad
    assert [module.training for module in net] == [True, True, False]
    assert hooks(net) == 0


def test_failing_forward_leaves_no_hooks_and_no_mode(net: nn.Module) -> None:
    net.train()
    with pytest.raises(RuntimeError):
        capture(net, ["0", "2"], torch.ones(5, 7))
    assert hooks(net) == 0
    assert net.training


def test_failing_reducer_leaves_no_hooks(net: nn.Module) -> None:
    def fail(_output: Tensor) -> Tensor:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        capture_reduced(net, {"0": fail}, torch.ones(5, 4))
    assert hooks(net) == 0


def test_reducers_see_their_own_layer(net: nn.Module) -> None:
    reducers = {"2": lambda output: tuple(output.shape), "0": lambda output: output.dim()}
    assert list(capture_reduced(net, reducers, torch.ones(5, 4)).items()) == [
        ("2", (5, 2)),
        ("0", 2),
    ]


def test_unknown_module_is_named_with_a_near_one(net: nn.Module) -> None:
    with pytest.raises(SelectionError, match="no module '9'"):
        capture(net, ["9"], torch.ones(5, 4))
    assert hooks(net) == 0


def test_module_that_never_runs_is_named() -> None:
    class Idle(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.idle = nn.Identity(), nn.Identity()

        def forward(self, x: Tensor) -> Tensor:
            return self.used(x)

    with pytest.raises(SelectionError, match="idle"):
        capture(Idle(), ["used", "idle"], torch.ones(5, 4))
