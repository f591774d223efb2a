"""Weights of twins are trained once per store, the same everywhere, and worth something."""

import dataclasses
import shutil

import pytest
import torch

from trainables.config import BackboneRef, DataRef
from trainables.data.artifact_store import ArtifactStore
from trainables.data.open import load_split
from trainables.data.transforms import EvalTransform
from trainables.models import twin_recipe
from trainables.models.factory import create_backbone
from trainables.models.weights import weights_status

TWIN = BackboneRef(card="efficientnet_lite0_twin", weights="twin")


@pytest.fixture
def locations_with_pictures(locations, shared_locations):
    """A store of the test's own that has the pictures to train on."""
    load_split(DataRef(name="imagenet_twin"), "train", shared_locations)
    shutil.copytree(shared_locations.store / "pixels", locations.store / "pixels")
    return locations


def trained(locations) -> int:
    return len(ArtifactStore(locations.store).builds("twin_weights"))


def test_status_is_known_without_training(locations):
    assert weights_status(TWIN, locations).digest
    assert trained(locations) == 0


def test_weights_are_trained_once_and_the_same_when_trained_again(locations_with_pictures):
    states = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        for seed in (1, 2):
            model = create_backbone(TWIN, locations_with_pictures, seed=seed)
            states.append(model.state_dict())
        assert torch.get_num_threads() == threads
        assert trained(locations_with_pictures) == 1
        shutil.rmtree(locations_with_pictures.store / "twin_weights")
    for other in states[1:]:
        assert all(torch.equal(other[key], states[0][key]) for key in states[0])


def test_another_recipe_is_another_set_of_weights(locations, monkeypatch):
    before = weights_status(TWIN, locations).digest
    longer = dataclasses.replace(twin_recipe.CONVOLUTIONAL, epochs=3)
    monkeypatch.setattr(twin_recipe, "CONVOLUTIONAL", longer)
    assert weights_status(TWIN, locations).digest != before


def test_another_size_resamples_the_trained_positions(shared_locations):
    ref = BackboneRef(card="deit_t_twin", weights="twin")
    small, large = (
        create_backbone(ref, shared_locations, seed=0, image_size_px=px).trunk for px in (64, 96)
    )
    assert large.pos_embed.shape[1] == 145
    assert torch.equal(large.blocks[0].attn.qkv.weight, small.blocks[0].attn.qkv.weight)


def own_neighbour_accuracy(backbone, images) -> float:
    """How often the nearest other picture, in feature space, is of the same class."""
    card = backbone.card
    transform = EvalTransform(size_px=card.image_size_px, mean=card.mean, std=card.std).build()
    with torch.no_grad():
        feats_nd = backbone.eval()(transform(images.images(range(len(images)))))
    distances_nn = torch.cdist(feats_nd, feats_nd).fill_diagonal_(torch.inf)
    labels = torch.from_numpy(images.labels)
    return float((labels[distances_nn.argmin(dim=1)] == labels).float().mean())


def test_training_brings_pictures_of_a_class_together(locations_with_pictures, monkeypatch):
    recipe = twin_recipe.TwinRecipe(pictures=60, epochs=15, batch_size=20, lr=4e-3)
    monkeypatch.setattr(twin_recipe, "CONVOLUTIONAL", recipe)
    seen = load_split(DataRef(name="imagenet_twin", limit=60), "train", locations_with_pictures)
    twin, random = (
        own_neighbour_accuracy(
            create_backbone(
                BackboneRef(card=TWIN.card, weights=tag), locations_with_pictures, seed=0
            ),
            seen,
        )
        for tag in ("twin", "random")
    )
    assert twin > random + 0.2
