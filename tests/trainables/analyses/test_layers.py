"""Which modules are analysed, on full-size architectures and on small ones that run."""

from __future__ import annotations

import dataclasses

import pytest
from analysed_networks import SMALL, small_classifier, weightless

from trainables.analyses.layers import analysed_layers
from trainables.context import Locations
from trainables.errors import SelectionError
from trainables.models.cards import BACKBONE_CARDS, BackboneCard, get_backbone_card


@pytest.mark.parametrize(
    ("name", "count"), [("resnet50", 18), ("inception_v3", 17), ("deit_s", 26), ("swin_t", 26)]
)
def test_published_architectures_have_the_papers_number_of_layers(name: str, count: int) -> None:
    assert len(analysed_layers(weightless(get_backbone_card(name)))) == count


def test_resnet_layers_are_stem_residual_blocks_and_head() -> None:
    layers = analysed_layers(weightless(get_backbone_card("resnet50")))
    blocks = [f"layer{s}.{b}" for s, n in ((1, 3), (2, 4), (3, 6), (4, 3)) for b in range(n)]
    assert [layer.name for layer in layers] == ["conv1", *blocks, "fc"]


def test_inception_layers_are_its_convolutions_then_its_mixed_blocks() -> None:
    convs = [f"Conv2d_{name}" for name in ("1a_3x3", "2a_3x3", "2b_3x3", "3b_1x1", "4a_3x3")]
    stages = (("5", "bcd"), ("6", "abcde"), ("7", "abc"))
    mixed = [f"Mixed_{stage}{letter}" for stage, letters in stages for letter in letters]
    layers = analysed_layers(weightless(get_backbone_card("inception_v3")))
    assert [layer.name for layer in layers] == [*convs, *mixed, "fc"]


def test_swin_layers_are_both_branches_of_the_blocks_of_four_stages() -> None:
    branches = [
        f"layers.{s}.blocks.{b}.{branch}"
        for s, n in enumerate((2, 2, 6, 2))
        for b in range(n)
        for branch in ("attn", "mlp")
    ]
    layers = analysed_layers(weightless(get_backbone_card("swin_t")))
    assert [layer.name for layer in layers] == ["patch_embed", *branches, "fc"]
    assert [layer.kind for layer in layers] == ["stem", *["attn", "mlp"] * 12, "head"]


@pytest.mark.parametrize("name", SMALL)
def test_every_path_is_a_module_of_the_classifier(name: str, locations: Locations) -> None:
    model = small_classifier(name, locations)
    modules = dict(model.named_modules())
    layers = analysed_layers(model.backbone)
    assert all(layer.path in modules for layer in layers)
    assert modules[layers[-1].path] is model.head
    assert len({layer.name for layer in layers}) == len(layers) > 3


@pytest.mark.parametrize(
    "card", [card for card in BACKBONE_CARDS.values() if card.stem], ids=lambda card: card.name
)
def test_every_network_has_a_family_with_layers(card: BackboneCard) -> None:
    layers = analysed_layers(weightless(card))
    assert (layers[0].kind, layers[-1].kind) == ("stem", "head")
    assert len(layers) > len(card.stages) + 1


def test_unknown_family_is_refused_with_the_near_ones() -> None:
    card = dataclasses.replace(get_backbone_card("resnet50"), family="resnext")
    with pytest.raises(SelectionError, match=r"'resnext'.*'resnet'"):
        analysed_layers(weightless(card))
