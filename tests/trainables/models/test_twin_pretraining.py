"""Weights of twins are trained once per store, the same everywhere, and worth something."""

import dataclasses
import shutil
import statistics

import pytest
import torch
from torch import nn

from trainables import classify
from trainables.config import BackboneRef, DataRef
from trainables.context import Context
from trainables.data.artifact_store import ArtifactStore
from trainables.data.open import load_split
from trainables.data.transforms import EvalTransform
from trainables.models import twin_recipe
from trainables.models.factory import create_backbone
from trainables.models.weights import weights_status

TWIN = BackboneRef(card="efficientnet_lite0_twin", weights="twin")

# Read before the suite makes pretraining hasty.
FULL_RECIPE = twin_recipe.RECIPE


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
    longer = dataclasses.replace(twin_recipe.RECIPE, epochs=3)
    monkeypatch.setattr(twin_recipe, "RECIPE", longer)
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
    monkeypatch.setattr(twin_recipe, "RECIPE", recipe)
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


def test_linear_layers_start_with_a_spread_that_suits_their_width(
    locations_with_pictures, monkeypatch
):
    untrained = twin_recipe.TwinRecipe(pictures=20, epochs=1, batch_size=20, lr=1e-9)
    monkeypatch.setattr(twin_recipe, "RECIPE", untrained)
    ref = BackboneRef(card="deit_t_twin", weights="twin")
    linears = [
        module
        for module in create_backbone(ref, locations_with_pictures, seed=0).modules()
        if isinstance(module, nn.Linear)
    ]
    assert len(linears) == 16
    for linear in linears:
        # A normal distribution cut at two sd has 0.88 of its sd.
        spread = float(linear.weight.detach().std()) * linear.in_features**0.5
        assert spread == pytest.approx(0.88, abs=0.03)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_fine_tuning_from_twin_weights_beats_random_init(
    locations_with_pictures, monkeypatch, tmp_path
):
    monkeypatch.setattr(twin_recipe, "RECIPE", FULL_RECIPE)

    def mean_auc(weights: str) -> float:
        config = classify.Config(
            backbone=BackboneRef(card="swin_t_twin", weights=weights),
            data=DataRef(name="isic2019_twin", limit=300),
            epochs=4,
            batch_size=16,
        )
        contexts = [
            Context.local(tmp_path / f"{weights}_{seed}", locations_with_pictures, seed=seed)
            for seed in range(2)
        ]
        return statistics.mean(classify.run(config, context)["test/auc"] for context in contexts)

    assert mean_auc("twin") > mean_auc("random") + 0.03
