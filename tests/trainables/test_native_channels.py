"""Grey data can be fed as one channel."""

import dataclasses

import pytest
import torch

from trainables import classify, probe
from trainables.config import BackboneRef, DataRef
from trainables.context import Context
from trainables.data.cards import get_data_card
from trainables.data.open import open_split
from trainables.engine.classifier_files import load_classifier
from trainables.engine.inputs import eval_transform
from trainables.errors import ConfigError
from trainables.models.cards import get_backbone_card
from trainables.models.factory import create_backbone

GREY = DataRef(name="ddsm_twin", limit=12)
TWIN = BackboneRef(card="resnet18_twin", weights="twin")


def test_grey_pictures_are_normalised_as_their_first_channel():
    card = get_data_card("ddsm_twin")
    transform = eval_transform(TWIN, GREY, 32, "dataset", "native")
    grey = torch.full((2, 3, 40, 40), 100, dtype=torch.uint8)
    x_nchw = transform.build()(grey)
    assert x_nchw.shape == (2, 1, 32, 32)
    expected = (100 / 255 - card.mean[0]) / card.std[0]
    assert torch.allclose(x_nchw, torch.full_like(x_nchw, expected), atol=1e-5)


def test_colour_pictures_keep_their_channels():
    data = DataRef(name="isic2019_twin")
    native = eval_transform(TWIN, data, 32, channels="native")
    assert native == eval_transform(TWIN, data, 32)
    assert native.mean == get_backbone_card("resnet18_twin").mean


@pytest.mark.parametrize("trainable", [probe, classify])
def test_the_saved_classifier_reads_one_channel(trainable, tmp_path, shared_locations):
    context = Context.local(tmp_path / "trial", shared_locations)
    config = trainable.Config(backbone=TWIN, data=GREY, channels="native", image_size_px=32)
    if trainable is classify:
        config = dataclasses.replace(config, epochs=1, batch_size=6)
    trainable.run(config, context)
    model, spec = load_classifier(context.artifacts, shared_locations)
    x_nchw = spec.transform.build()(open_split(GREY, "test", context).images(range(2)))
    assert x_nchw.shape[1] == 1
    assert model(x_nchw).shape == (2, 2)
    if trainable is probe:
        start = create_backbone(TWIN, shared_locations, seed=0)
        assert torch.equal(model.backbone.trunk.conv1.weight[:, 0], start.trunk.conv1.weight[:, 0])


def test_other_ways_are_refused():
    with pytest.raises(ConfigError, match="rgb or native"):
        probe.Config(backbone=TWIN, data=GREY, channels="grey")
