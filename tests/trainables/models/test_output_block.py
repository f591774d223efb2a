"""Features taken after an earlier block: cut networks against hooks on whole ones."""

import dataclasses
import importlib

import pytest
import torch

from trainables.config import BackboneRef
from trainables.errors import ConfigError
from trainables.models.cards import BACKBONE_CARDS, get_backbone_card
from trainables.models.factory import create_backbone
from trainables.models.weights import weights_status

# Cards of one stage are cut between residual blocks, others between stages.
VIT_TWINS = [
    name
    for name, card in BACKBONE_CARDS.items()
    if card.is_twin and card.output_blocks and len(card.stages) == 1
]


def pictures(size_px: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(2, 3, size_px, size_px, generator=generator)


def create(name: str, locations, block: int | None):
    ref = BackboneRef(card=name, output_block=block)
    return create_backbone(ref, locations, seed=0).eval()


@pytest.mark.parametrize("name", VIT_TWINS)
def test_output_of_a_block_replaces_that_of_the_last(name, locations):
    whole, cut = create(name, locations, None), create(name, locations, 1)
    # A second route: in the whole network, later blocks hand on what they are given.
    for _, block in whole.blocks()[2:]:
        block.register_forward_hook(
            lambda _m, given, out: (given[0], *out[1:]) if isinstance(out, tuple) else given[0]
        )
    x_nchw = pictures(whole.image_size_px)
    with torch.no_grad():
        expected, found = whole.features(x_nchw), cut.features(x_nchw)
    assert torch.equal(found.pooled_nd, expected.pooled_nd)
    assert torch.equal(found.tokens_ntd, expected.tokens_ntd)
    assert len(cut.blocks()) == 2


@pytest.mark.parametrize("name", VIT_TWINS)
def test_last_block_is_the_whole_network(name, locations):
    last = get_backbone_card(name).output_blocks - 1
    whole, cut = create(name, locations, None), create(name, locations, last)
    assert cut.state_dict().keys() == whole.state_dict().keys()
    x_nchw = pictures(whole.image_size_px)
    with torch.no_grad():
        assert torch.equal(cut(x_nchw), whole(x_nchw))


@pytest.mark.parametrize("name", VIT_TWINS)
def test_nothing_that_is_left_is_without_a_gradient(name, locations):
    cut = create(name, locations, 0).train()
    cut(pictures(cut.image_size_px)).square().sum().backward()
    assert [n for n, p in cut.named_parameters() if p.grad is None] == []


@pytest.mark.parametrize(
    "card",
    [c for c in BACKBONE_CARDS.values() if c.output_blocks and len(c.stages) == 1],
    ids=lambda card: card.name,
)
def test_card_counts_the_blocks_of_the_network(card):
    with torch.device("meta"):
        backbone = importlib.import_module(card.module).build(card, card.image_size_px)
    assert len(backbone.blocks()) == card.output_blocks


@pytest.mark.parametrize("block", [-1, 12])
def test_block_out_of_range_is_refused_with_the_range(block, locations):
    with pytest.raises(ConfigError, match="'deit_b' has blocks 0 to 11"):
        weights_status(BackboneRef(card="deit_b", output_block=block), locations)


@pytest.mark.parametrize("name", ["resnet152", "swin_t", "inception_v3"])
def test_family_without_equal_blocks_is_refused(name, locations):
    with pytest.raises(ConfigError, match=f"'{name}' gives features at its end only"):
        weights_status(BackboneRef(card=name, output_block=0), locations)


def test_text_encoder_is_refused(locations):
    with pytest.raises(ConfigError, match="'minilm' has no blocks to choose from"):
        weights_status(
            BackboneRef(card="minilm", weights="sentence_pairs", output_block=0), locations
        )


def test_block_is_part_of_the_identity(locations):
    whole = BackboneRef(card="deit_s_twin", weights="twin")
    refs = [dataclasses.replace(whole, output_block=k) for k in (None, 0, 1)]
    refs.append(dataclasses.replace(whole, transfer_level=1))
    refs.append(dataclasses.replace(whole, transfer_level=1, output_block=1))
    assert len({weights_status(ref, locations).digest for ref in refs}) == len(refs)


@pytest.mark.parametrize(("block", "expected"), [(0, 0), (5, 1), (6, 2), (10, 3), (11, 3)])
def test_twin_is_cut_at_the_same_relative_depth(block, expected):
    card = get_backbone_card("deit_b")
    assert card.twin_output_block(block, get_backbone_card(card.twin)) == expected


def test_kept_blocks_have_the_weights_of_the_whole_network(locations):
    whole, cut = (create("clip_vit_b16_twin", locations, block) for block in (None, 0))
    state = whole.state_dict()
    assert all(torch.equal(t, state[key]) for key, t in cut.state_dict().items())
    assert "trunk.ln_post.weight" in cut.state_dict()
