"""DenseNets of radiographs: against torchvision's, and what they make of channels."""

import pytest
import torch
import torchvision

from trainables.config import BackboneRef, DataRef
from trainables.engine.inputs import eval_transform
from trainables.errors import WeightsError
from trainables.models.factory import create_backbone
from trainables.models.weights import weights_status

XRAY = BackboneRef(card="densenet121_xray", weights="mimic_nb")


@pytest.fixture
def network():
    """The published layout, in the library that torchxrayvision took its network from."""
    torch.manual_seed(0)
    model = torchvision.models.densenet121(weights=None, num_classes=18)
    model.features.conv0 = torch.nn.Conv2d(1, 64, 7, 2, 3, bias=False)
    return model.eval()


def bring(locations, state, card="densenet121_xray", file="densenet121-res224-mimic_nb.pt"):
    path = locations.weights / card / file
    path.parent.mkdir(parents=True)
    torch.save(state, path)
    return path


def test_features_are_those_of_the_published_network(network, locations):
    bring(locations, {**network.state_dict(), "op_threshs": torch.zeros(18)})
    backbone = create_backbone(XRAY, locations, seed=0).eval()
    x_nchw = 1024 * torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        maps = network.features(x_nchw.mean(dim=1, keepdim=True))
        expected = torch.relu(maps).mean(dim=(2, 3))
        torch.testing.assert_close(backbone(x_nchw), expected)
    assert backbone.features(x_nchw).tokens_ntd.shape == (1, 4, 1024)


def test_a_file_of_another_network_is_refused(network, locations):
    state = network.state_dict()
    del state["features.norm5.weight"]
    bring(locations, state)
    with pytest.raises(WeightsError, match=r"features\.norm5\.weight missing"):
        create_backbone(XRAY, locations, seed=0)


def test_a_pickled_model_is_refused(network, locations):
    bring(locations, network)
    with pytest.raises(WeightsError, match="cannot be read as weights"):
        create_backbone(XRAY, locations, seed=0)


def test_the_skin_file_has_a_place_of_its_own(network, locations):
    path = bring(locations, network.state_dict(), "densenet121_skin", "densenet_skin.pt")
    ref = BackboneRef(card="densenet121_skin", weights="isic")
    assert weights_status(ref, locations).path == path
    assert not weights_status(XRAY, locations).present


def test_pictures_are_normalised_to_1024_as_its_authors_do():
    transform = eval_transform(XRAY, DataRef(name="fundus"), None, resize="center_crop")
    levels = torch.tensor([0, 51, 255], dtype=torch.uint8)
    picture = levels[None, :, None, None].expand(3, 3, 224, 224)
    for level, made in zip(levels.tolist(), transform.build()(picture)[0, :, 0, 0], strict=True):
        assert float(made) == pytest.approx((2 * level / 255 - 1) * 1024, abs=0.01)


def test_one_channel_is_the_same_as_three_equal_ones(locations):
    ref = BackboneRef(card="densenet121_twin")
    three, one = (create_backbone(ref, locations, 0, in_chans=n).eval() for n in (3, 1))
    grey = 1024 * torch.randn(2, 1, 64, 64)
    with torch.no_grad():
        expected = three(grey.expand(-1, 3, -1, -1))
        torch.testing.assert_close(one(grey), expected, rtol=1e-4, atol=1e-3)
