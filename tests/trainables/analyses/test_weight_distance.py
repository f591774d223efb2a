"""Distances against the published definition's numbers, and what they leave out."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from analysed_networks import SMALL, small_classifier
from torch import Tensor, nn

from trainables.analyses.layers import Layer, analysed_layers
from trainables.analyses.weight_distance import TOTAL, distance, weight_distances
from trainables.context import Locations
from trainables.errors import WeightsError


def as_layer(path: str) -> Layer:
    return Layer(name=path, path=path, kind="block", layout="tokens")


def vit() -> nn.Module:
    """A block of the shapes of the conformance vectors."""
    block = nn.Module()
    block.norm1 = nn.LayerNorm(4)
    block.attn = nn.ModuleDict({"qkv": nn.Linear(4, 12), "proj": nn.Linear(4, 4)})
    block.mlp = nn.ModuleDict({"fc1": nn.Linear(4, 8), "fc2": nn.Linear(8, 4)})
    backbone = nn.Module()
    backbone.patch_embed = nn.ModuleDict({"proj": nn.Conv2d(3, 4, 2)})
    backbone.blocks = nn.ModuleList([block])
    return nn.Sequential(OrderedDict(backbone=backbone, fc=nn.Linear(4, 3)))


def test_distances_conform(golden: Callable[[str], Any]) -> None:
    case = golden("weight_distance")
    initial, final = (
        {name: torch.tensor(values, dtype=torch.float64) for name, values in case[state].items()}
        for state in ("state_initial", "state_final")
    )
    model = vit().double()
    model.load_state_dict(final)
    found = weight_distances(model, initial, [as_layer(path) for path in case["modules"]])
    assert found.pop(TOTAL) == pytest.approx(case["total_normalised"], rel=1e-9)
    expected = {path: values["normalised"] for path, values in case["block_distance"].items()}
    assert found == pytest.approx(expected, rel=1e-9)
    for name, expected_distance in case["per_tensor_normalised"].items():
        assert distance(final[name], initial[name]) == pytest.approx(expected_distance, rel=1e-9)


def is_norm(name: str, model: nn.Module) -> bool:
    owner = model.get_submodule(name.rpartition(".")[0])
    return "norm" in type(owner).__name__.lower()


@pytest.mark.parametrize("name", SMALL)
def test_every_family_equals_a_loop_over_its_state(name: str, locations: Locations) -> None:
    model, other = (small_classifier(name, locations, seed) for seed in (0, 1))
    initial, layers = other.state_dict(), analysed_layers(model.backbone)
    found = weight_distances(model, initial, layers)
    for layer in layers:
        tensors = [
            np.sqrt(((p.detach().double() - initial[key].double()).numpy() ** 2).sum()) / p.numel()
            for key, p in model.named_parameters()
            if key.startswith(layer.path + ".") and not is_norm(key, model)
        ]
        assert found[layer.name] == pytest.approx(np.mean(tensors), rel=1e-9), layer.name
    assert found[TOTAL] == pytest.approx(np.mean([found[layer.name] for layer in layers]))


def shifted(state: dict[str, Tensor], parts: tuple[str, ...]) -> dict[str, Tensor]:
    return {
        name: value + 1 if any(part in name for part in parts) else value
        for name, value in state.items()
    }


def test_norms_and_counters_move_nothing(locations: Locations) -> None:
    model = small_classifier("resnet50_twin", locations)
    layers = analysed_layers(model.backbone)
    norms = ("bn", "downsample.1", "running", "num_batches")
    initial = shifted(model.state_dict(), norms)
    assert any(not torch.equal(initial[name], value) for name, value in model.state_dict().items())
    assert set(weight_distances(model, initial, layers).values()) == {0.0}


def test_layers_whose_names_share_a_beginning_are_apart() -> None:
    model = nn.ModuleDict({str(i): nn.Linear(2, 2, bias=False) for i in (1, 10)})
    initial = {**model.state_dict(), "10.weight": model["10"].weight.detach() + 1}
    found = weight_distances(model, initial, [as_layer("1"), as_layer("10")])
    assert found == pytest.approx({"1": 0.0, "10": 2 / 4, TOTAL: 1 / 4})


@pytest.mark.parametrize("wrong", [{}, {"1.weight": torch.zeros(3, 2)}])
def test_state_of_another_model_is_refused(wrong: dict[str, Tensor]) -> None:
    model = nn.ModuleDict({"1": nn.Linear(2, 2)})
    with pytest.raises(WeightsError, match=r"'1\.weight'"):
        weight_distances(model, wrong, [as_layer("1")])
