"""Pooled features against the published code's and against loops over single pictures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from analysed_networks import SMALL, pictures, small_classifier

from trainables.analyses.capture import capture
from trainables.analyses.layers import Layout, analysed_layers
from trainables.analyses.pooling import flatten, pool, split_kinds
from trainables.context import Locations

CASES: list[tuple[str, Layout]] = [
    ("tokens", "tokens"),
    ("windows", "tokens"),
    ("feature_map", "map"),
    ("logits", "tokens"),
    ("cls_and_patches", "class_tokens"),
]


@pytest.mark.parametrize(("case_id", "layout"), CASES)
def test_pooling_conforms(golden: Callable[[str], Any], case_id: str, layout: Layout) -> None:
    case = next(case for case in golden("pooling")["cases"] if case["id"] == case_id)
    output = torch.tensor(case["input"], dtype=torch.float64)
    n = len(output)
    if case_id == "windows":
        output = output.flatten(0, 1)  # as attention returns them
    kinds = split_kinds(pool(output, layout, n), layout)
    for kind, got in kinds.items():
        expected = case["expected" if layout != "class_tokens" else f"expected_{kind}"]
        torch.testing.assert_close(got, torch.tensor(expected).double(), atol=1e-6, rtol=0)


def test_channels_last_grid_keeps_its_channels() -> None:
    grid_nhwd = torch.randn(2, 4, 5, 3, generator=torch.Generator().manual_seed(0))
    expected = grid_nhwd.permute(0, 3, 1, 2).mean(dim=(2, 3))
    torch.testing.assert_close(pool(grid_nhwd, "tokens", 2), expected)


@pytest.mark.parametrize("name", SMALL)
def test_layers_of_a_batch_are_those_of_its_pictures_alone(name: str, locations: Locations) -> None:
    # In float64: convolution algorithms differ with the batch size, in the last digits.
    model = small_classifier(name, locations).double()
    layers = analysed_layers(model.backbone)
    paths = [layer.path for layer in layers]
    x_nchw = pictures(model, 3).double()
    batch = capture(model, paths, x_nchw)
    alone = [capture(model, paths, x_nchw[i : i + 1]) for i in range(3)]
    for layer in layers:
        pooled = pool(batch[layer.path], layer.layout, 3)
        whole = flatten(batch[layer.path], layer.layout, 3)["all"]
        for i, single in enumerate(alone):
            output = single[layer.path]
            width = output.shape[1] if layer.layout == "map" else output.shape[-1]
            assert pooled.shape == (3, width * (2 if layer.layout == "class_tokens" else 1))
            torch.testing.assert_close(pooled[i : i + 1], pool(output, layer.layout, 1))
            torch.testing.assert_close(whole[i], output.flatten())


@pytest.mark.parametrize("name", SMALL)
def test_stem_has_one_number_per_channel(name: str, locations: Locations) -> None:
    model = small_classifier(name, locations)
    stem = analysed_layers(model.backbone)[0]
    x_nchw = pictures(model, 2)
    pooled_nd = pool(capture(model, [stem.path], x_nchw)[stem.path], stem.layout, 2)
    conv = model.get_submodule(f"backbone.trunk.{model.backbone.card.stem}")
    assert pooled_nd.shape == (2, conv.out_channels)


def test_swin_patches_are_averaged_over_places_not_channels(locations: Locations) -> None:
    model = small_classifier("swin_t_twin", locations)
    embed = model.backbone.trunk.patch_embed
    x_nchw = pictures(model, 2)
    layer = analysed_layers(model.backbone)[0]
    with torch.no_grad():
        tokens_ntd = embed.norm(embed.proj(x_nchw).flatten(2).transpose(1, 2))
    pooled_nd = pool(capture(model, [layer.path], x_nchw)[layer.path], layer.layout, 2)
    torch.testing.assert_close(pooled_nd, tokens_ntd.mean(dim=1))


def test_class_token_is_apart_from_the_patches_when_flattened() -> None:
    tokens = torch.arange(24.0).reshape(2, 4, 3)
    kinds = flatten(tokens, "class_tokens", 2)
    assert kinds["cls"].tolist() == [[0, 1, 2], [12, 13, 14]]
    assert torch.equal(torch.cat([kinds["cls"], kinds["patches"]], dim=1), kinds["all"])
