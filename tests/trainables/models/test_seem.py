"""SEEM's backbone: its equations written once more with loops, its file, its stems, its stages.

Axes: n pictures, d width, h rows, w columns.
"""

import dataclasses
import importlib
import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from trainables.config import BackboneRef
from trainables.context import Locations
from trainables.errors import ConfigError, WeightsError
from trainables.models import seem_backbone
from trainables.models.cards import get_backbone_card
from trainables.models.factory import create_backbone
from trainables.models.focalnet import FocalNet
from trainables.models.seeding import seeded
from trainables.models.seem_backbone import SeemBackbone

DEPTHS = (1, 2, 1)
TINY = {"embed_dim": 4, "depths": DEPTHS, "drop_path_rate": 0.3, "layer_scale": 0.7}


def scattered(net: nn.Module) -> nn.Module:
    """Draw every parameter, so that no norm or bias is the identity."""
    with seeded(1), torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return net.eval()


def tiny() -> FocalNet:
    with seeded(0):
        return scattered(FocalNet(**TINY))


def pictures(size_px: int, n: int = 2, channels: int = 3) -> torch.Tensor:
    return torch.randn(n, channels, size_px, size_px, generator=torch.Generator().manual_seed(7))


def gelu(x: float) -> float:
    return 0.5 * x * (1 + math.erf(x / math.sqrt(2)))


def each(function, x: torch.Tensor) -> torch.Tensor:
    return torch.tensor([function(v) for v in x.flatten().tolist()], dtype=x.dtype).view(x.shape)


def normed(state, name: str, x_ndhw: torch.Tensor) -> torch.Tensor:
    """Norm every place by the mean and variance of its own channels."""
    out = torch.empty_like(x_ndhw)
    weight, bias = state[f"{name}.weight"], state[f"{name}.bias"]
    for n in range(x_ndhw.shape[0]):
        for row in range(x_ndhw.shape[2]):
            for column in range(x_ndhw.shape[3]):
                v = x_ndhw[n, :, row, column]
                scale = (((v - v.mean()) ** 2).mean() + 1e-5).sqrt()
                out[n, :, row, column] = (v - v.mean()) / scale * weight + bias
    return out


def around(x_ndhw: torch.Tensor, kernels_d1ij: torch.Tensor) -> torch.Tensor:
    """Sum shifted copies of every channel, weighted by its own kernel; outside lie zeros."""
    reach = kernels_d1ij.shape[-1] // 2
    rows, columns = x_ndhw.shape[2:]
    padded = functional.pad(x_ndhw, (reach,) * 4)
    out = torch.zeros_like(x_ndhw)
    for i in range(2 * reach + 1):
        for j in range(2 * reach + 1):
            shifted = padded[:, :, i : i + rows, j : j + columns]
            out += kernels_d1ij[:, 0, i, j].view(1, -1, 1, 1) * shifted
    return out


def matrix(state, name: str, x_ndhw: torch.Tensor) -> torch.Tensor:
    weight = state[f"{name}.weight"].flatten(1)
    return torch.einsum("od,ndhw->nohw", weight, x_ndhw) + state[f"{name}.bias"].view(1, -1, 1, 1)


def modulated(state, name: str, x_ndhw: torch.Tensor) -> torch.Tensor:
    width = x_ndhw.shape[1]
    mixed = matrix(state, f"{name}.f", x_ndhw)
    query, context, gates = mixed[:, :width], mixed[:, width : 2 * width], mixed[:, 2 * width :]
    gathered = torch.zeros_like(query)
    for level in range(3):
        kernels = state[f"{name}.focal_layers.{level}.0.weight"]
        assert kernels.shape[-1] == 3 + 2 * level
        context = each(gelu, around(context, kernels))
        gathered += context * gates[:, level : level + 1]
    whole = each(gelu, context.mean(dim=(2, 3), keepdim=True))
    gathered += whole * gates[:, 3:4]
    return matrix(state, f"{name}.proj", query * matrix(state, f"{name}.h", gathered / 4))


def block(state, name: str, x_ndhw: torch.Tensor) -> torch.Tensor:
    def local(which: str, x: torch.Tensor) -> torch.Tensor:
        kernels, bias = state[f"{name}.{which}.weight"], state[f"{name}.{which}.bias"]
        return x + around(x, kernels) + bias.view(1, -1, 1, 1)

    x_ndhw = local("dw1", x_ndhw)
    branch = state[f"{name}.gamma_1"].view(1, -1, 1, 1) * modulated(
        state, f"{name}.modulation", x_ndhw
    )
    x_ndhw = local("dw2", normed(state, f"{name}.norm1", x_ndhw + branch))
    hidden = each(gelu, matrix(state, f"{name}.mlp.fc1", x_ndhw))
    branch = state[f"{name}.gamma_2"].view(1, -1, 1, 1) * matrix(state, f"{name}.mlp.fc2", hidden)
    return normed(state, f"{name}.norm2", x_ndhw + branch)


def reduced(state, name: str, x_ndhw: torch.Tensor, stride: int) -> torch.Tensor:
    kernel = state[f"{name}.proj.weight"]
    reach = kernel.shape[-1] // 2
    x_ndhw = functional.pad(x_ndhw, (0, -x_ndhw.shape[3] % stride, 0, -x_ndhw.shape[2] % stride))
    padded = functional.pad(x_ndhw, (reach,) * 4)
    rows, columns = (side // stride for side in x_ndhw.shape[2:])
    out = torch.empty(len(x_ndhw), len(kernel), rows, columns, dtype=x_ndhw.dtype)
    for row in range(rows):
        for column in range(columns):
            top, left = row * stride, column * stride
            window = padded[:, :, top : top + 2 * reach + 1, left : left + 2 * reach + 1]
            out[:, :, row, column] = torch.einsum("ncij,dcij->nd", window, kernel)
    return normed(state, f"{name}.norm", out + state[f"{name}.proj.bias"].view(1, -1, 1, 1))


def by_hand(state, x_nchw: torch.Tensor) -> list[torch.Tensor]:
    """Return the normed map of every stage."""
    return after_stem(state, reduced(state, "patch_embed", x_nchw, stride=4))


def after_stem(state, x: torch.Tensor) -> list[torch.Tensor]:
    maps = []
    for stage, depth in enumerate(DEPTHS):
        for i in range(depth):
            x = block(state, f"layers.{stage}.blocks.{i}", x)
        maps.append(normed(state, f"norm{stage}", x))
        if stage < len(DEPTHS) - 1:
            x = reduced(state, f"layers.{stage}.downsample", x, stride=2)
    return maps


@pytest.mark.parametrize("size_px", [32, 37])
def test_network_is_its_equations(size_px):
    net = tiny().double()
    x_nchw = pictures(size_px).double()
    maps = by_hand(net.state_dict(), x_nchw)
    for stage in reversed(range(len(DEPTHS))):
        net.keep_stages(stage)
        with torch.no_grad():
            torch.testing.assert_close(net(x_nchw), maps[stage], atol=1e-10, rtol=1e-10)


def test_single_precision_is_close_to_the_equations():
    net = tiny()
    x_nchw = pictures(32)
    with torch.no_grad():
        found = net(x_nchw)
    expected = by_hand({k: t.double() for k, t in net.state_dict().items()}, x_nchw.double())[-1]
    torch.testing.assert_close(found, expected.float(), atol=1e-5, rtol=1e-5)


def test_linear_feature_is_the_mean_of_the_places_row_by_row():
    card = dataclasses.replace(get_backbone_card("seem_focal_t_twin"), overrides=TINY)
    backbone = seem_backbone.build(card, 64)
    scattered(backbone)
    with torch.no_grad():
        features = backbone.features(pictures(64))
        map_ndhw = backbone.trunk(pictures(64))
    rows, columns = map_ndhw.shape[2:]
    assert rows * columns == features.tokens_ntd.shape[1] == 16
    for row in range(rows):
        for column in range(columns):
            place_nd = features.tokens_ntd[:, row * columns + column]
            assert torch.equal(place_nd, map_ndhw[:, :, row, column])
    torch.testing.assert_close(features.pooled_nd, map_ndhw.mean(dim=(2, 3)))


def on_meta(name: str) -> SeemBackbone:
    card = get_backbone_card(name)
    with torch.device("meta"):
        return importlib.import_module(card.module).build(card, card.image_size_px)


@pytest.mark.parametrize(
    ("stage", "shape"), [(0, (3136, 96)), (1, (784, 192)), (2, (196, 384)), (3, (49, 768))]
)
def test_every_stage_gives_its_tokens_at_224(stage, shape):
    backbone = on_meta("seem_focal_t")
    backbone.keep_blocks(stage)
    features = backbone.features(torch.empty(2, 3, 224, 224, device="meta"))
    assert features.tokens_ntd.shape == (2, *shape)
    assert features.pooled_nd.shape == (2, backbone.dim) == (2, shape[1])


def test_last_stage_is_the_whole_network(locations):
    ref = BackboneRef(card="seem_focal_t_twin")
    whole = create_backbone(ref, locations, seed=0).eval()
    cut = create_backbone(dataclasses.replace(ref, output_block=3), locations, seed=0).eval()
    assert cut.state_dict().keys() == whole.state_dict().keys()
    with torch.no_grad():
        assert torch.equal(cut(pictures(64)), whole(pictures(64)))


def test_stage_that_does_not_exist_is_refused(locations):
    ref = BackboneRef(card="seem_focal_t_twin", output_block=4)
    with pytest.raises(ConfigError, match="0 to 3"):
        create_backbone(ref, locations, seed=0)


@pytest.mark.parametrize("stage", [0, 2, 3])
def test_only_norms_of_earlier_stages_are_frozen(stage, locations):
    ref = BackboneRef(card="seem_focal_t_twin", output_block=stage)
    backbone = create_backbone(ref, locations, seed=0)
    frozen = {name for name, p in backbone.trunk.named_parameters() if not p.requires_grad}
    assert frozen == {f"norm{i}.{part}" for i in range(stage) for part in ("weight", "bias")}
    backbone(pictures(64)).square().sum().backward()
    assert {n for n, p in backbone.trunk.named_parameters() if p.grad is None} == frozen


def test_units_are_stages_with_their_steps_down_and_without_norms():
    backbone = on_meta("seem_focal_t")
    names = {id(p): name for name, p in backbone.trunk.named_parameters()}
    units = [{names[id(p)] for p in unit.parameters()} for unit in backbone.units()]
    for stage, unit in enumerate(units):
        assert unit == {name for name in names.values() if name.startswith(f"layers.{stage}.")}
    assert [any("downsample" in name for name in unit) for unit in units] == [True] * 3 + [False]


def test_stochastic_depth_grows_linearly_over_the_blocks():
    rates = [block.drop_path.drop_prob for _, block in on_meta("seem_focal_t").blocks()]
    assert rates == pytest.approx([0.3 * i / 11 for i in range(12)])


def test_branches_are_skipped_in_training_only():
    # At a rate of one, every picture skips the branches of the last block and none of the first.
    with seeded(0):
        net = scattered(FocalNet(embed_dim=4, depths=(1, 1), drop_path_rate=1.0, layer_scale=0.7))
    x_nchw = pictures(32)
    with torch.no_grad():
        evaluated, trained = net(x_nchw), net.train()(x_nchw)
        last = net.layers[1].blocks[0]
        last.gamma_1.zero_()
        last.gamma_2.zero_()
        without = net.eval()(x_nchw)
    assert torch.equal(trained, without)
    assert not torch.allclose(trained, evaluated, atol=1e-2)


def published_shapes() -> dict[str, tuple[int, ...]]:
    """The names and shapes of the backbone in the released file, as listed by its publication."""
    shapes: dict[str, tuple[int, ...]] = {"patch_embed.proj.weight": (96, 3, 7, 7)}
    vectors = {"patch_embed.proj.bias": 96, "patch_embed.norm.weight": 96}
    vectors["patch_embed.norm.bias"] = 96
    for stage, depth in enumerate((2, 2, 6, 2)):
        d = 96 * 2**stage
        for i in range(depth):
            b = f"layers.{stage}.blocks.{i}."
            vectors |= {b + "gamma_1": d, b + "gamma_2": d, b + "modulation.f.bias": 2 * d + 4}
            vectors |= {b + f"{n}.bias": d for n in ("dw1", "dw2", "norm1", "norm2", "mlp.fc2")}
            vectors |= {b + "norm1.weight": d, b + "norm2.weight": d, b + "mlp.fc1.bias": 4 * d}
            vectors |= {b + "modulation.h.bias": d, b + "modulation.proj.bias": d}
            shapes |= {b + "dw1.weight": (d, 1, 3, 3), b + "dw2.weight": (d, 1, 3, 3)}
            shapes |= {b + "modulation.f.weight": (2 * d + 4, d)}
            shapes |= {
                b + "modulation.h.weight": (d, d, 1, 1),
                b + "modulation.proj.weight": (d, d),
            }
            shapes |= {b + "mlp.fc1.weight": (4 * d, d), b + "mlp.fc2.weight": (d, 4 * d)}
            for level, k in enumerate((3, 5, 7)):
                shapes[f"{b}modulation.focal_layers.{level}.0.weight"] = (d, 1, k, k)
        vectors |= {f"norm{stage}.weight": d, f"norm{stage}.bias": d}
        if stage < 3:
            down = f"layers.{stage}.downsample."
            shapes[down + "proj.weight"] = (2 * d, d, 3, 3)
            vectors |= {down + n: 2 * d for n in ("proj.bias", "norm.weight", "norm.bias")}
    return shapes | {name: (width,) for name, width in vectors.items()}


def bring(locations: Locations, missing: str = "") -> dict[str, float]:
    """Write the file of the whole model, every tensor one repeated number, and return those."""
    shapes = published_shapes()
    values = {key: 0.001 * i for i, key in enumerate(shapes) if key != missing}
    state = {
        # Repeated in memory, not in the file.
        f"backbone.{key}": torch.tensor(value).expand(shapes[key])
        for key, value in values.items()
    }
    others = ("sem_seg_head.predictor.query_feat.weight", "backbones.norm0.weight", "logit_scale")
    path = locations.weights / "seem_focal_t" / "seem_focalt_v0.pt"
    path.parent.mkdir(parents=True)
    torch.save({**state, **{key: torch.ones(3) for key in others}}, path)
    return values


def load(name: str, locations: Locations, **options: int) -> SeemBackbone:
    return create_backbone(BackboneRef(card=name, weights="coco_lvis"), locations, 0, **options)


def test_released_file_has_300_tensors_of_29922288_numbers():
    shapes = published_shapes()
    assert len(shapes) == 300
    assert sum(math.prod(shape) for shape in shapes.values()) == 29_922_288
    trunk = on_meta("seem_focal_t").trunk.state_dict()
    assert {name: tuple(t.shape) for name, t in trunk.items()} == shapes


def test_released_file_is_loaded_whole_and_nothing_else_of_it(locations):
    values = bring(locations)
    loaded = load("seem_focal_t", locations).trunk.state_dict()
    assert loaded.keys() == values.keys()
    for name, tensor in loaded.items():
        assert torch.equal(tensor, torch.full_like(tensor, values[name])), name


def test_tensor_missing_in_the_file_is_named(locations):
    bring(locations, missing="layers.2.blocks.5.gamma_1")
    with pytest.raises(WeightsError, match=r"layers\.2\.blocks\.5\.gamma_1 missing"):
        load("seem_focal_t", locations)


def test_file_of_a_grey_study_is_the_file_of_colour(locations):
    values = bring(locations)
    backbone = load("seem_focal_t_released", locations, in_chans=1)
    expected = {key: value for key, value in values.items() if "patch_embed.norm" not in key}
    assert {key: t.flatten()[0].item() for key, t in backbone.trunk.state_dict().items()} == (
        pytest.approx(expected)
    )
    assert backbone.trunk.patch_embed.proj.weight.shape == (96, 1, 7, 7)


def sides(backbone: SeemBackbone, channels: int) -> list[int]:
    """Return the side of the map after the stem and of every later, smaller one."""
    seen = []
    stages = [backbone.trunk.patch_embed, *(stage.downsample for stage in backbone.units()[:-1])]
    for stage in stages:
        stage.register_forward_hook(lambda _m, _i, out: seen.append(out.shape[-1]))
    backbone(torch.empty(1, channels, 224, 224, device="meta"))
    return seen


@pytest.mark.parametrize(
    ("name", "channels", "expected"),
    [
        ("seem_focal_t", 3, [56, 28, 14, 7]),
        ("seem_focal_t", 1, [56, 28, 14, 7]),
        ("seem_focal_t_released", 3, [56, 28, 14, 7]),
        ("seem_focal_t_released", 1, [55, 28, 14, 7]),
    ],
)
def test_only_the_released_grey_stem_gives_smaller_maps(name, channels, expected):
    backbone = on_meta(name)
    with torch.device("meta"):
        backbone.adapt_stem(channels, pretrained=True)
    assert sides(backbone, channels) == expected


def test_released_grey_stem_is_the_bare_red_kernel():
    overrides = {**TINY, "bare_grey_stem": True}
    card = dataclasses.replace(get_backbone_card("seem_focal_t_twin"), overrides=overrides)
    backbone = scattered(seem_backbone.build(card, 32).double())
    state = backbone.trunk.state_dict()
    backbone.adapt_stem(1, pretrained=True)
    grey_n1hw = pictures(32, channels=1).double()
    red_d1ij = state["patch_embed.proj.weight"][:, :1]
    windows = functional.unfold(grey_n1hw, 7, stride=4)
    stem = torch.einsum("dk,nkp->ndp", red_d1ij.flatten(1), windows).unflatten(2, (7, 7))
    stem += state["patch_embed.proj.bias"].view(1, -1, 1, 1)
    with torch.no_grad():
        torch.testing.assert_close(backbone.trunk(grey_n1hw), after_stem(state, stem)[-1])
