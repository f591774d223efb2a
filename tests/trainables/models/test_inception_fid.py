"""The network behind the FID: the published file's layout, and the pooling of its graph.

The second route is torchvision's Inception-v3, whose pooling functions are exchanged.
"""

from __future__ import annotations

import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional

from trainables.config import BackboneRef, DataRef
from trainables.context import Locations
from trainables.engine.inputs import eval_transform
from trainables.errors import WeightsError
from trainables.models import inception_fid_backbone, weights
from trainables.models.backbone import Backbone
from trainables.models.cards import get_backbone_card
from trainables.models.factory import create_backbone
from trainables.models.weights import weights_status

CARD = get_backbone_card("inception_fid")
SOURCE = CARD.source("fid")
REF = BackboneRef(card="inception_fid", weights="fid")
SIZE_PX = 107


@pytest.fixture(scope="module")
def original() -> nn.Module:
    """A network of the published file's layout, with norms that have seen something."""
    torch.manual_seed(0)
    model = torchvision.models.Inception3(num_classes=1008, aux_logits=False, init_weights=False)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    return model.eval()


@pytest.fixture(scope="module")
def published(original: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("published") / SOURCE.basename
    torch.save(original.state_dict(), path)
    return path


@pytest.fixture(scope="module")
def loaded(published: Path) -> Backbone:
    backbone = inception_fid_backbone.build(CARD, SIZE_PX)
    inception_fid_backbone.load(backbone, SOURCE, published)
    return backbone.eval()


@pytest.fixture
def tensorflow_pooling(original: nn.Module, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Make torchvision's blocks pool as the graph does."""
    last_block = []

    def pool(x_ndhw: Tensor, kernel_size: int, stride: int, padding: int) -> Tensor:
        if last_block:
            return functional.max_pool2d(x_ndhw, kernel_size, stride, padding)
        sums_ndhw = functional.avg_pool2d(x_ndhw, kernel_size, stride, padding)
        return sums_ndhw / functional.avg_pool2d(torch.ones_like(x_ndhw), 3, 1, 1)

    changed: Any = types.SimpleNamespace(**vars(functional))
    changed.avg_pool2d = pool
    monkeypatch.setattr(torchvision.models.inception, "F", changed)
    handle = original.Mixed_7c.register_forward_pre_hook(lambda *_: last_block.append(True))
    yield
    handle.remove()


def pooled_by(original: nn.Module, x_nchw: Tensor) -> Tensor:
    seen: list[Tensor] = []
    handle = original.avgpool.register_forward_hook(lambda _m, _i, out: seen.append(out))
    original(x_nchw)
    handle.remove()
    return seen[0].flatten(1)


def pictures() -> Tensor:
    return torch.rand(2, 3, SIZE_PX, SIZE_PX, generator=torch.Generator().manual_seed(1)) * 2 - 1


@torch.no_grad()
@pytest.mark.usefixtures("tensorflow_pooling")
def test_features_are_those_of_the_published_graph(original: nn.Module, loaded: Backbone) -> None:
    expected_nd = pooled_by(original, pictures())
    assert expected_nd.std() > 1e-3
    torch.testing.assert_close(loaded(pictures()), expected_nd, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_usual_pooling_would_give_other_features(original: nn.Module, loaded: Backbone) -> None:
    usual_nd = pooled_by(original, pictures())
    assert not torch.allclose(loaded(pictures()), usual_nd, rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("size_px", [(64, 96), (299, 299)])
def test_small_pictures_come_in_as_the_graph_wants_them(size_px: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(2)
    raw_nchw = torch.randint(256, (2, 3, *size_px), generator=generator, dtype=torch.uint8)
    data = DataRef(name="imagenet_val")
    x_nchw = eval_transform(REF, data, image_size_px=None).build()(raw_nchw)
    enlarged_nchw = functional.interpolate(raw_nchw / 255, (299, 299), mode="bilinear")
    rounding = 2.01 / 255  # one grey level: rows and columns are rounded one after the other
    torch.testing.assert_close(x_nchw, 2 * enlarged_nchw - 1, rtol=0, atol=rounding)


def test_parameters_are_those_of_the_file_without_its_classifier(original: nn.Module) -> None:
    with torch.device("meta"):
        backbone = inception_fid_backbone.build(CARD, CARD.image_size_px)
    own = {name: tuple(tensor.shape) for name, tensor in backbone.trunk.state_dict().items()}
    file = {name: tuple(tensor.shape) for name, tensor in original.state_dict().items()}
    assert file.pop("fc.weight") == (1008, 2048)
    assert file.pop("fc.bias") == (1008,)
    assert own == file
    assert sum(p.numel() for p in backbone.parameters()) == 21_785_568


@pytest.mark.parametrize(
    ("added", "removed", "message"),
    [
        ({}, "Mixed_7c.branch_pool.conv.weight", "Mixed_7c.branch_pool.conv.weight missing"),
        ({"AuxLogits.fc.bias": torch.zeros(1)}, "", "AuxLogits.fc.bias unexpected"),
        ({"Mixed_5b.branch1x1.bn.bias": torch.zeros(9)}, "", r"\(9,\) instead of \(64,\)"),
    ],
)
def test_another_layout_is_refused_by_name(
    tmp_path: Path,
    original: nn.Module,
    loaded: Backbone,
    added: dict[str, Tensor],
    removed: str,
    message: str,
) -> None:
    state = {**original.state_dict(), **added}
    state.pop(removed, None)
    torch.save(state, tmp_path / "other.pth")
    with pytest.raises(WeightsError, match=message):
        inception_fid_backbone.load(loaded, SOURCE, tmp_path / "other.pth")


def test_absent_weights_say_where_they_come_from_and_where_to_put_them(
    locations: Locations,
) -> None:
    status = weights_status(REF, locations)
    assert not status.present
    assert status.digest.startswith("6726825d")
    for part in (SOURCE.basename, str(locations.weights / "inception_fid"), "pytorch-fid"):
        assert part in status.reason


def test_another_file_of_that_name_is_refused(locations: Locations) -> None:
    folder = locations.weights / "inception_fid"
    folder.mkdir(parents=True)
    (folder / SOURCE.basename).write_bytes(b"other")
    with pytest.raises(WeightsError, match=r"the card says 6726825d"):
        weights_status(REF, locations)


def test_backbone_reference_finds_the_file(
    locations: Locations, published: Path, loaded: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = locations.weights / "inception_fid"
    folder.mkdir(parents=True)
    (folder / SOURCE.basename).symlink_to(published)
    # The true file is not to be had here, and its hash is on the card.
    monkeypatch.setattr(weights, "content_sha256", lambda *_: SOURCE.sha256)
    found = create_backbone(REF, locations, seed=0)
    assert found.image_size_px == 299
    ours, theirs = found.state_dict(), loaded.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
