import copy

import pytest
import torch
from torch import nn

from trainables.config import BackboneRef, DataRef
from trainables.data.open import load_split
from trainables.data.transforms import EvalTransform
from trainables.errors import ConfigError, SelectionError, WeightsError
from trainables.models.cards import BACKBONE_CARDS
from trainables.models.factory import create_backbone

TWINS = [name for name, card in BACKBONE_CARDS.items() if card.is_twin]
KEEPING_THEIR_STEM = [
    name
    for name in TWINS
    if name != "seem_focal_t_released_twin" and not BACKBONE_CARDS[name].averages
]


def equal(a: nn.Module, b: nn.Module) -> bool:
    ours, theirs = a.state_dict(), b.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[k], theirs[k]) for k in ours)


def pictures(size_px: int, n: int = 3, channels: int = 3) -> torch.Tensor:
    return torch.randn(n, channels, size_px, size_px, generator=torch.Generator().manual_seed(0))


@pytest.fixture(params=TWINS)
def twin(request, shared_locations):
    return create_backbone(
        BackboneRef(card=request.param, weights="twin"), shared_locations, seed=0
    ).eval()


def test_features_have_the_widths_of_the_card(twin):
    size = twin.card.image_size_px
    with torch.no_grad():
        features = twin.features(pictures(size))
        pooled = twin(pictures(size))
    assert features.pooled_nd.shape == (3, twin.dim)
    assert torch.equal(features.pooled_nd, pooled)
    assert features.tokens_ntd.shape[:2] == (3, twin.card.grid(size) ** 2)


def test_card_tells_the_true_size(twin):
    assert sum(p.numel() for p in twin.parameters()) / 1e6 == pytest.approx(
        twin.card.params_m, abs=0.006
    )


def test_frozen_features_vary_enough_to_learn_from(twin, shared_locations):
    images = load_split(DataRef(name="imagenet_twin", limit=30), "train", shared_locations)
    card = twin.card
    transform = EvalTransform(size_px=twin.image_size_px, mean=card.mean, std=card.std).build()
    with torch.no_grad():
        pooled_nd = twin(transform(images.images(range(30))))
    # Far below one, a linear head with the usual penalty or step size could not learn.
    assert 0.02 < pooled_nd.std(dim=0).mean() < 2


def test_every_parameter_learns_but_those_frozen_when_built(twin):
    twin.train()
    twin(pictures(twin.image_size_px)).square().sum().backward()
    assert [n for n, p in twin.named_parameters() if p.requires_grad != (p.grad is not None)] == []


def keep(seen, name, output):
    # Blocks of some libraries return their output in a tuple.
    seen[name] = output[0] if isinstance(output, tuple) else output


def test_layer_features_match_separate_hooks(twin):
    x_nchw = pictures(twin.image_size_px)
    layers = [name for name, _ in twin.blocks()]
    seen = {}
    for name, block in twin.blocks():
        block.register_forward_hook(lambda _m, _i, out, name=name: keep(seen, name, out))
    with torch.no_grad():
        found = twin.layer_features(x_nchw, layers)
    assert list(found) == layers
    assert len(layers) >= 3
    assert all(torch.equal(found[name], seen[name]) for name in layers)


def test_layer_features_leave_no_hook(twin):
    twin.layer_features(pictures(twin.image_size_px), [twin.card.stem])
    assert not any(module._forward_hooks for module in twin.modules())


def test_backbone_can_be_copied(twin):
    assert equal(copy.deepcopy(twin), twin)


def test_twin_weights_do_not_depend_on_the_seed(twin, shared_locations):
    ref = BackboneRef(card=twin.card.name, weights="twin")
    again = create_backbone(ref, shared_locations, seed=1)
    assert equal(again, twin)


def test_random_weights_follow_the_seed(twin, locations):
    ref = BackboneRef(card=twin.card.name, weights="random")
    first, same, other = (create_backbone(ref, locations, seed=s) for s in (3, 3, 4))
    assert equal(first, same)
    assert not equal(first, other)
    assert not equal(first, twin)


def test_building_leaves_the_global_random_state_alone(locations):
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    create_backbone(BackboneRef(card="deit_s_twin"), locations, seed=0)
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize(
    ("name", "size_px"),
    [
        ("dinov2_vit_b14_twin", 98),
        ("deit_s_twin", 96),
        ("swin_t_twin", 96),
        ("inception_v3_twin", 107),
    ],
)
def test_backbones_read_another_size(name, size_px, locations):
    backbone = create_backbone(BackboneRef(card=name), locations, seed=0, image_size_px=size_px)
    tokens_ntd = backbone.features(pictures(size_px, n=1)).tokens_ntd
    assert tokens_ntd.shape[1] == backbone.card.grid(size_px) ** 2


def test_size_that_patches_do_not_divide_is_refused(locations):
    with pytest.raises(ConfigError, match=r"multiple .such as 56 or 70."):
        create_backbone(BackboneRef(card="dinov2_vit_b14_twin"), locations, 0, image_size_px=64)


def test_size_below_the_stride_is_refused(locations):
    with pytest.raises(ConfigError, match="at least 32 px"):
        create_backbone(BackboneRef(card="resnet50_twin"), locations, 0, image_size_px=16)


@pytest.mark.parametrize("twin", KEEPING_THEIR_STEM, indirect=True)
def test_one_channel_keeps_the_red_kernel(twin, shared_locations):
    ref = BackboneRef(card=twin.card.name, weights="twin")
    gray = create_backbone(ref, shared_locations, seed=0, in_chans=1).eval()
    red_only = pictures(twin.image_size_px)
    red_only[:, 1:] = 0
    with torch.no_grad():
        assert torch.allclose(gray(red_only[:, :1]), twin(red_only), atol=1e-5)


def test_random_stem_of_other_channels_is_drawn_for_its_shape(locations):
    ref = BackboneRef(card="resnet50_twin")
    weight = create_backbone(ref, locations, 0, in_chans=4).trunk.conv1.weight
    # PyTorch's default: uniform within 1 / sqrt(fan in).
    assert weight.abs().max() <= (4 * 7 * 7) ** -0.5
    assert weight.abs().max() > 0.98 * (4 * 7 * 7) ** -0.5


def test_unknown_layer_names_the_near_one(locations):
    backbone = create_backbone(BackboneRef(card="deit_s_twin"), locations, seed=0)
    with pytest.raises(SelectionError, match=r"blocks\.3"):
        backbone.layer_features(pictures(64), ["blocks.30"])


def test_attention_is_a_layer_too(locations):
    backbone = create_backbone(BackboneRef(card="clip_vit_b16_twin"), locations, seed=0)
    layer = "transformer.resblocks.0.attn"
    assert backbone.layer_features(pictures(64), [layer])[layer].shape == (3, 65, 96)


def test_absent_weights_stop_the_build(locations):
    with pytest.raises(WeightsError, match="are not here"):
        create_backbone(BackboneRef(card="resnet50", weights="imagenet1k_v1"), locations, seed=0)


def test_clip_uses_quick_gelu(locations):
    backbone = create_backbone(BackboneRef(card="clip_vit_b16_twin"), locations, seed=0)
    assert type(backbone.trunk.transformer.resblocks[0].mlp.gelu).__name__ == "QuickGELU"
