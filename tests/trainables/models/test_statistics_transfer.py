"""Which weights each transfer level keeps, and how the others are drawn."""

import importlib
import json
import math
from pathlib import Path

import pytest
import torch
from torch import nn

from trainables.config import BackboneRef
from trainables.errors import ConfigError
from trainables.models.cards import BACKBONE_CARDS, get_backbone_card
from trainables.models.factory import create_backbone
from trainables.models.statistics_transfer import (
    kept_elements,
    redraw,
    transfer_seed,
    transfer_statistics,
)
from trainables.models.weights import weights_status

GOLDEN = json.loads(
    (Path(__file__).parents[2] / "golden" / "feature_reuse" / "wtst.json").read_text()
)
# Elements kept at level -2, -1, 0, ...: measured on the networks of the published code.
KEPT = {
    "deit_s": [
        level["parameters_transferred"] for level in GOLDEN["partition"]["deit_small"]["levels"]
    ],
    "resnet50": [
        level["parameters_transferred"] for level in GOLDEN["partition"]["resnet50"]["levels"]
    ],
    "swin_t": [
        *(23_322, 28_218, 140_058, 251_898, 771_258, 1_216_122, 3_287_034, 5_061_498),
        *(6_835_962, 8_610_426, 10_384_890, 12_159_354, 20_429_946, 27_517_818, 27_519_354),
    ],
    "inception_v3": [0, 928, 28_768, 34_048, 172_672, 991_200, 8_965_856, 21_785_568],
}
WITH_LEVELS = [card for card in BACKBONE_CARDS.values() if card.transfer_groups]
TWINS = ["resnet50_twin", "deit_s_twin", "swin_t_twin", "inception_v3_twin"]


def build(name: str, device: str = "cpu"):
    card = get_backbone_card(name)
    with torch.device(device):
        return importlib.import_module(card.module).build(card, card.image_size_px)


def twin_state(name: str, level: int | None, replicate: int = 0, seed: int = 1):
    backbone = build(name)
    with torch.no_grad():
        # Every tensor, norms and running statistics too, differs from what a reset leaves.
        for i, tensor in enumerate(backbone.state_dict().values()):
            if tensor.is_floating_point():
                generator = torch.Generator().manual_seed(i)
                tensor.copy_(0.5 + 0.1 * torch.randn(tensor.shape, generator=generator))
    if level is not None:
        transfer_statistics(backbone, level, seed + replicate)
    return backbone, backbone.state_dict()


@pytest.mark.parametrize("name", KEPT)
def test_levels_keep_as_many_elements_as_the_published_code(name):
    backbone = build(name, device="meta")
    levels = range(-2, backbone.card.last_level + 1)
    assert [kept_elements(backbone, level) for level in levels] == KEPT[name]


@pytest.mark.parametrize("card", WITH_LEVELS, ids=lambda card: card.name)
def test_groups_hold_every_layer_and_norm_once(card):
    backbone = build(card.name, device="meta")
    grouped = [
        id(parameter)
        for group in card.transfer_groups
        for prefix in group
        for parameter in backbone.trunk.get_submodule(prefix).parameters()
    ]
    assert len(grouped) == len(set(grouped))
    typed = (nn.Linear, nn.Conv2d, nn.LayerNorm, nn.BatchNorm2d)
    owned = {
        id(parameter)
        for module in backbone.trunk.modules()
        if isinstance(module, typed)
        for parameter in module.parameters(recurse=False)
    }
    assert owned <= set(grouped)


@pytest.mark.parametrize("example", GOLDEN["sampling_statistics"])
def test_numbers_are_drawn_with_the_mean_and_sd_of_the_tensor(example):
    source = torch.tensor(example["tensor"], dtype=torch.float64)
    drawn = []
    for seed in range(2000):
        tensor = source.clone()
        redraw(tensor, seed)
        drawn.append(tensor.flatten())
    numbers = torch.cat(drawn)
    error = example["std"] / math.sqrt(len(numbers))
    assert numbers.mean() == pytest.approx(example["mean"], abs=5 * error)
    assert numbers.std() == pytest.approx(example["std"], abs=5 * error)


@pytest.mark.parametrize("name", TWINS)
def test_a_level_keeps_its_groups_and_redraws_the_rest(name):
    before = twin_state(name, None)[1]
    card = get_backbone_card(name)
    backbone, after = twin_state(name, 1)
    kept = [prefix for group in card.transfer_groups[:3] for prefix in group]
    untouched = ("cls_token", "pos_embed", "relative_position_bias_table")
    for key, tensor in after.items():
        if any(key.startswith(f"trunk.{prefix}.") for prefix in kept) or key.endswith(untouched):
            assert torch.equal(tensor, before[key]), key
        elif tensor.is_floating_point():
            assert not torch.equal(tensor, before[key]), key
    for prefix in (prefix for group in card.transfer_groups[3:] for prefix in group):
        for norm in backbone.trunk.get_submodule(prefix).modules():
            if isinstance(norm, nn.BatchNorm2d):
                assert torch.equal(norm.running_mean, torch.zeros_like(norm.running_mean))
                assert torch.equal(norm.running_var, torch.ones_like(norm.running_var))
            if isinstance(norm, (nn.BatchNorm2d, nn.LayerNorm)):
                assert torch.equal(norm.weight, torch.ones_like(norm.weight))
                assert torch.equal(norm.bias, torch.zeros_like(norm.bias))


@pytest.mark.parametrize("name", TWINS)
def test_the_least_level_draws_tokens_and_positions_too(name):
    before, (_, statistics) = twin_state(name, None)[1], twin_state(name, -2)
    backbone, least = twin_state(name, -3)
    embeddings = ("cls_token", "pos_embed", "relative_position_bias_table")
    parameters = {key for key, _ in backbone.named_parameters()}
    for key, tensor in least.items():
        if key in parameters and key.endswith(embeddings):
            source = before[key]
            error = 5 * source.std() / math.sqrt(source.numel())
            assert not torch.equal(tensor, source), key
            assert abs(tensor.mean() - source.mean()) < error, key
            assert abs(tensor.std() - source.std()) < error, key
        else:
            assert torch.equal(tensor, statistics[key]), key
    assert kept_elements(backbone, -3) == 0


@pytest.mark.parametrize("name", TWINS)
def test_levels_share_one_draw(name):
    nothing = twin_state(name, -2)[1]
    some = twin_state(name, 1)[1]
    block = get_backbone_card(name).transfer_groups[-2][-1]
    last = [key for key in some if key.startswith(f"trunk.{block}.")]
    assert last
    assert all(torch.equal(some[key], nothing[key]) for key in last)


@pytest.mark.parametrize("name", TWINS)
def test_the_last_level_keeps_everything(name):
    before = twin_state(name, None)[1]
    after = twin_state(name, get_backbone_card(name).last_level)[1]
    assert all(torch.equal(after[key], before[key]) for key in before)


def test_the_draw_depends_on_weights_and_replicate_only(shared_locations):
    ref = BackboneRef(card="deit_t_twin", weights="twin", transfer_level=0)
    first, same, other = (
        create_backbone(ref, shared_locations, seed=seed, replicate=replicate).state_dict()
        for seed, replicate in ((1, 0), (2, 0), (1, 1))
    )
    key = "trunk.blocks.3.mlp.fc1.weight"
    assert torch.equal(first[key], same[key])
    assert not torch.equal(first[key], other[key])
    assert torch.equal(first["trunk.blocks.0.norm1.weight"], other["trunk.blocks.0.norm1.weight"])


def test_replicates_and_weights_have_draws_of_their_own():
    refs = [BackboneRef(card="a", weights=w, transfer_level=n) for w in "xy" for n in (0, 1)]
    seeds = [transfer_seed(ref, replicate) for ref in refs for replicate in (0, 1)]
    assert len(set(seeds)) == 4  # the levels share theirs


def test_statistics_are_those_of_the_kernel_before_the_stem_is_fitted(shared_locations):
    ref = BackboneRef(card="resnet18_twin", weights="twin", transfer_level=-2)
    gray = create_backbone(ref, shared_locations, seed=0, in_chans=1).trunk.conv1.weight
    rgb = create_backbone(ref, shared_locations, seed=0).trunk.conv1.weight
    assert torch.equal(gray[:, 0], rgb[:, 0])


def test_levels_are_part_of_the_identity_of_weights(locations):
    refs = [
        BackboneRef(card="deit_s_twin", weights="twin", transfer_level=level)
        for level in (None, -3, -2, 3, 4)
    ]
    assert len({weights_status(ref, locations).digest for ref in refs}) == 5


def test_level_that_the_card_has_not_is_refused(locations):
    ref = BackboneRef(card="resnet50", weights="imagenet1k_v1", transfer_level=5)
    with pytest.raises(ConfigError, match="resnet50 has levels -3 to 4"):
        weights_status(ref, locations)


def test_level_of_random_weights_is_refused(locations):
    ref = BackboneRef(card="resnet50", transfer_level=0)
    with pytest.raises(ConfigError, match="Choose imagenet1k_v1, or no level"):
        weights_status(ref, locations)


@pytest.mark.parametrize("name", ["clip_vit_b16", "minilm"])
def test_level_of_a_network_without_levels_is_refused(name, locations):
    ref = BackboneRef(
        card=name,
        weights="openai" if name == "clip_vit_b16" else "sentence_pairs",
        transfer_level=0,
    )
    with pytest.raises(ConfigError, match="has no transfer levels"):
        weights_status(ref, locations)


@pytest.mark.parametrize(
    ("level", "twins"), [(-3, -3), (-2, -2), (-1, -1), (0, 0), (6, 2), (12, 4)]
)
def test_twins_take_the_level_of_the_same_depth(level, twins):
    card = get_backbone_card("deit_s")
    assert card.twin_level(level, get_backbone_card(card.twin)) == twins
