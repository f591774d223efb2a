"""The DeiT that reads tokens, against a second reading of its definition."""

from __future__ import annotations

import math

import pytest
import torch
from test_full_size import build_on_meta
from torch import Tensor, nn
from torch.nn import functional

from trainables.analyses.capture import capture
from trainables.config import BackboneRef
from trainables.context import Locations
from trainables.errors import ConfigError
from trainables.models.backbone import Backbone, Features
from trainables.models.cards import get_backbone_card
from trainables.models.factory import create_backbone
from trainables.models.head_config import HeadConfig
from trainables.models.head_factory import create_head
from trainables.models.heads import Classifier, LinearHead
from trainables.models.token_head import TokenHead, resampled

DEIT = BackboneRef(card="deit_t_twin", weights="random")
DEIT_HEAD = HeadConfig(name="deit", backbone=DEIT)


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def token_head(backbone: Backbone, locations: Locations, **changes: object) -> TokenHead:
    config = HeadConfig(name="deit", backbone=DEIT, **changes)  # type: ignore[arg-type]
    head = create_head(config, backbone, 5, locations, seed=3)
    assert isinstance(head, TokenHead)
    return head.eval()


@pytest.fixture
def backbone(locations: Locations) -> Backbone:
    return create_backbone(BackboneRef(card="resnet18_twin"), locations, seed=0).eval()


# Source: parameters of DeiT-B without its patch embedding, and of the projection, as published.
@pytest.mark.parametrize(
    ("token_dim", "projection"), [(768, 592_128), (384, 297_216), (192, 149_760), (96, 76_032)]
)
def test_parameters_at_full_size_are_the_published_ones(token_dim: int, projection: int) -> None:
    with torch.device("meta"):
        head = TokenHead(token_dim, build_on_meta("deit_b"), 5, seed=0)
    assert count(head.projector) == projection
    assert count(head) - count(head.projector) - count(head.fc) == 85_208_064
    assert count(head.fc) == 3_845


@pytest.mark.parametrize("tokens", [49, 196, 256, 784, 3136])
def test_reads_every_grid_at_full_size(tokens: int) -> None:
    with torch.device("meta"):
        head = TokenHead(768, build_on_meta("deit_b"), 5, seed=0)
        assert head(head.embed(torch.empty(2, tokens, 768))).shape == (2, 5)


@pytest.mark.parametrize("tokens", [49, 196, 256, 784, 3136])
def test_positions_are_those_of_the_published_scale(tokens: int) -> None:
    positions_1td = torch.randn(1, 197, 4, generator=torch.Generator().manual_seed(0))
    grid = positions_1td[0, 1:].T.reshape(1, 4, 14, 14)
    # A hair more than the root, or rounding down could lose a row; it moves samples by nothing.
    scale = math.sqrt(tokens / 196) * (1 + 1e-12)
    scaled = functional.interpolate(
        grid, scale_factor=(scale, scale), mode="bicubic", recompute_scale_factor=False
    )
    got = resampled(positions_1td, tokens)
    assert torch.equal(got[:, 0], positions_1td[:, 0])
    torch.testing.assert_close(got[0, 1:], scaled[0].flatten(1).T, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("trim", [0, 2])
def test_equals_a_second_reading_of_the_definition(
    backbone: Backbone, locations: Locations, trim: int
) -> None:
    head = token_head(backbone, locations, trim=trim)
    tokens_ntd = backbone.features(torch.randn(2, 3, 64, 64)).tokens_ntd
    assert tokens_ntd is not None
    reader = create_backbone(DEIT, locations, seed=9).eval()
    # The reader's weights are the head's; only its class token and positions meet other tokens.
    trunk = reader.trunk
    trunk.blocks = trunk.blocks[trim:]
    own = head.state_dict()
    trunk.load_state_dict(
        {k: own.get(k, torch.zeros(v.shape)) for k, v in trunk.state_dict().items()}
    )
    projected = own["projector.0.weight"] @ tokens_ntd.mT + own["projector.0.bias"][:, None]
    centred = projected - projected.mean(dim=1, keepdim=True)
    spread = (centred.square().mean(dim=1, keepdim=True) + 1e-5).sqrt()
    x = (centred / spread).mT * own["projector.1.weight"] + own["projector.1.bias"]
    n_tokens = tokens_ntd.shape[1]
    x = x + resampled(trunk.pos_embed, n_tokens)[:, 1:]
    cls = (trunk.cls_token + trunk.pos_embed[:, :1]).expand(2, -1, -1)
    expected = trunk.norm(trunk.blocks(torch.cat([cls, x], dim=1)))[:, 0]
    with torch.no_grad():
        torch.testing.assert_close(head.embed(tokens_ntd), expected, atol=1e-5, rtol=1e-5)
        logits = expected @ head.fc.weight.T + head.fc.bias
        torch.testing.assert_close(head(expected), logits, atol=1e-5, rtol=1e-5)


def test_with_the_reader_s_own_patches_it_is_the_reader(locations: Locations) -> None:
    """A projection that changes nothing and tokens of its own patch embedding."""
    reader = create_backbone(DEIT, locations, seed=1).eval()
    x_nchw = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        patches_ntd = reader.trunk.patch_embed(x_nchw)
        pooled_nd = reader(x_nchw)
        head = TokenHead(reader.dim, reader, 5, seed=0).eval()
        head.projector = nn.Sequential(nn.Identity(), nn.Identity())
        torch.testing.assert_close(head.embed(patches_ntd), pooled_nd)


def test_what_is_new_is_pytorch_s_default_of_the_seed(locations: Locations) -> None:
    reader = create_backbone(DEIT, locations, seed=1)
    torch.manual_seed(7)
    linear, norm, last = nn.Linear(24, reader.dim), nn.LayerNorm(reader.dim), nn.Linear(48, 3)
    before = torch.random.get_rng_state()
    head = TokenHead(24, reader, 3, seed=7)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(head.projector[0].weight, linear.weight)
    assert head.projector[1].eps == norm.eps == 1e-5
    assert torch.equal(head.fc.weight, last.weight)
    assert torch.equal(head.blocks[0].attn.qkv.weight, reader.trunk.blocks[0].attn.qkv.weight)


def test_trimming_leaves_out_the_first_blocks(backbone: Backbone, locations: Locations) -> None:
    whole, cut = token_head(backbone, locations), token_head(backbone, locations, trim=3)
    assert (len(whole.blocks), len(cut.blocks)) == (4, 1)
    assert torch.equal(cut.blocks[0].mlp.fc1.weight, whole.blocks[3].mlp.fc1.weight)


def test_classifier_embeds_what_its_last_layer_reads(
    backbone: Backbone, locations: Locations
) -> None:
    x_nchw = torch.randn(2, 3, 64, 64)
    head, linear = token_head(backbone, locations), LinearHead(backbone.dim, 5, seed=0)
    models: list[tuple[Classifier, nn.Module, int]] = [
        (Classifier(backbone, head), head.fc, 48),
        (Classifier(backbone, linear), linear, backbone.dim),
    ]
    for model, last, dim in models:
        seen: list[Tensor] = []
        handle = last.register_forward_hook(lambda _m, inputs, _o, s=seen: s.append(inputs[0]))
        captured = capture(model, ["embedding"], x_nchw)["embedding"]
        handle.remove()
        with torch.no_grad():
            embedding_nd = model.embed(x_nchw)
        assert embedding_nd.shape == (2, dim)
        assert torch.equal(seen[0], embedding_nd)
        assert torch.equal(captured, embedding_nd)


class _Tokens(Backbone):
    """Some number of tokens, or none."""

    def __init__(self, tokens: int | None) -> None:
        super().__init__(get_backbone_card("resnet18_twin"), nn.Sequential(), 8)
        self.trunk.conv1 = nn.Conv2d(3, 4, 1)
        self.tokens = tokens

    def features(self, x_nchw: Tensor) -> Features:
        tokens_ntd = None if self.tokens is None else torch.zeros(len(x_nchw), self.tokens, 4)
        return Features(pooled_nd=torch.zeros(len(x_nchw), 4), tokens_ntd=tokens_ntd)


@pytest.mark.parametrize(("tokens", "says"), [(50, "gives 50"), (None, "gives none")])
def test_backbone_without_a_square_grid_is_refused(
    locations: Locations, tokens: int | None, says: str
) -> None:
    with pytest.raises(ConfigError, match=says):
        create_head(DEIT_HEAD, _Tokens(tokens), 5, locations, seed=0)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"name": "swin"}, "linear or deit"),
        ({"name": "deit"}, "needs head.backbone"),
        ({"backbone": DEIT}, "has none of them"),
        ({"freeze": True}, "has none of them"),
        ({"trim": 1}, "has none of them"),
        ({"name": "deit", "backbone": DEIT, "trim": 4}, "0 to 3"),
        ({"name": "deit", "backbone": DEIT, "trim": -1}, "0 to 3"),
        ({"name": "deit", "backbone": BackboneRef(card="resnet50")}, "must be a DeiT"),
    ],
)
def test_config_refuses_nonsense(arguments: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        HeadConfig(**arguments)  # type: ignore[arg-type]
