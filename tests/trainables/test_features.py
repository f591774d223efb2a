"""Features are the backbone's, computed once and shared where they are the same."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from trainables import features, probe
from trainables.config import BackboneRef, DataRef, digest
from trainables.context import Context, Locations
from trainables.data.cards import get_data_card
from trainables.data.open import open_split
from trainables.engine import inputs
from trainables.engine.classifier_files import load_classifier
from trainables.engine.evaluation import predict_logits
from trainables.engine.inputs import eval_transform
from trainables.errors import ConfigError, SelectionError
from trainables.features import _arithmetic, feature_seed, frozen_features
from trainables.models.cards import get_backbone_card
from trainables.models.factory import create_backbone

DATA = DataRef(name="fundus", domains=("camera_0",), limit=6)
TWIN = BackboneRef(card="resnet50_twin", weights="twin")
RANDOM = BackboneRef(card="resnet50_twin", weights="random")
TRANSFORM = eval_transform(TWIN, DATA, 40)


@pytest.fixture
def context(tmp_path: Path, shared_locations: Locations) -> Context:
    return Context.local(tmp_path / "trial", shared_locations)


def builds(context: Context) -> int:
    return len(context.store.builds("features"))


def test_pooled_features_are_the_backbones(context: Context) -> None:
    images = open_split(DATA, "val", context)
    feats_nd = frozen_features(TWIN, images, TRANSFORM, context)
    model = create_backbone(TWIN, context.locations, 0, 40).eval()
    with torch.no_grad():
        expected = model(TRANSFORM.build()(images.images(range(6))))
    torch.testing.assert_close(feats_nd, expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("card", "layer"),
    [
        ("resnet50_twin", "layer2.0"),
        ("deit_s_twin", "blocks.1"),
        ("seem_focal_t_twin", "layers.1.blocks.0"),
        ("dinov2_vit_s14_twin", "encoder.layer.1"),
    ],
)
def test_layer_features_are_averaged_over_places(context: Context, card: str, layer: str) -> None:
    ref = BackboneRef(card=card, weights="twin")
    images = open_split(DATA, "val", context)
    size_px = get_backbone_card(card).image_size_px
    transform = eval_transform(ref, DATA, size_px)
    feats_nd = frozen_features(ref, images, transform, context, layer)
    model = create_backbone(ref, context.locations, 0, size_px).eval()
    with torch.no_grad():
        x_nchw = transform.build()(images.images(range(6)))
        output = model.layer_features(x_nchw, [layer])[layer]
    places = output.flatten(2).transpose(1, 2) if output.dim() == 4 else output
    expected = torch.stack([row.mean(dim=0) for row in places])
    torch.testing.assert_close(feats_nd, expected, atol=1e-5, rtol=1e-4)


def test_unknown_layer_is_named(context: Context) -> None:
    images = open_split(DATA, "val", context)
    with pytest.raises(SelectionError, match="layer9"):
        frozen_features(TWIN, images, TRANSFORM, context, "layer9")


def test_same_features_are_computed_once_for_all_trials(
    tmp_path: Path, shared_locations: Locations
) -> None:
    locations = dataclasses.replace(shared_locations, store=tmp_path / "store")
    counts = []
    for seed in (1, 2):
        context = Context.local(tmp_path / str(seed), locations, seed=seed)
        images = open_split(DATA, "val", context)
        frozen_features(TWIN, images, TRANSFORM, context)
        counts.append(builds(context))
    assert counts == [1, 1]


def test_other_pictures_or_transforms_are_other_features(context: Context) -> None:
    images = open_split(DATA, "val", context)
    whole = frozen_features(TWIN, images, TRANSFORM, context)
    part = frozen_features(TWIN, images.subset([4, 1]), TRANSFORM, context)
    torch.testing.assert_close(part, whole[[4, 1]], atol=1e-5, rtol=1e-4)
    larger = frozen_features(TWIN, images, eval_transform(TWIN, DATA, 48), context)
    assert not torch.allclose(larger, whole)


def test_random_weights_are_shared_in_search_and_drawn_for_each_replicate(
    tmp_path: Path, shared_locations: Locations
) -> None:
    def seed(trial_seed: int, final: bool) -> int:
        context = Context.local(tmp_path, shared_locations, seed=trial_seed, final=final)
        return feature_seed(RANDOM, context)

    assert seed(1, final=False) == seed(2, final=False)
    assert len({seed(1, final=True), seed(2, final=True), seed(1, final=False)}) == 3


@pytest.mark.parametrize("backbone", [TWIN, RANDOM])
def test_saved_probe_predicts_what_was_tested(
    tmp_path: Path, shared_locations: Locations, backbone: BackboneRef
) -> None:
    import pyarrow.parquet as pq

    context = Context.local(tmp_path / "trial", shared_locations, seed=4)
    config = probe.Config(backbone=backbone, data=DATA, image_size_px=40)
    probe.run(config, context)
    rows = pq.read_table(context.artifacts / "predictions.parquet").to_pylist()
    model, spec = load_classifier(context.artifacts, shared_locations)
    images = open_split(DATA, "test", context)
    logits_nk, _ = predict_logits(model, images, spec.transform, 4, "fp32", context)
    expected = torch.tensor([row["logits"] for row in rows])
    torch.testing.assert_close(logits_nk, expected, atol=1e-3, rtol=1e-3)
    assert spec.classes == images.classes


@pytest.mark.parametrize("known", [True, False])
def test_dataset_statistics_need_a_card_that_states_them(
    monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    thirds = (0.3, 0.3, 0.3) if known else None
    card = dataclasses.replace(get_data_card("fundus"), mean=thirds, std=thirds)
    monkeypatch.setattr(inputs, "get_data_card", lambda _: card)
    if known:
        transform = eval_transform(TWIN, DATA, 40, "dataset")
        assert (transform.mean, transform.std) == (thirds, thirds)
    else:
        with pytest.raises(ConfigError, match="normalisation=backbone"):
            eval_transform(TWIN, DATA, 40, "dataset")


def test_other_network_device_or_library_makes_other_features(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    card = get_backbone_card("clip_vit_b16")
    plain_gelu = dataclasses.replace(card, architecture="ViT-B-16")
    keys = [_arithmetic(card, "cpu"), _arithmetic(card, "cuda:1"), _arithmetic(plain_gelu, "cpu")]
    monkeypatch.setattr(features, "version", lambda _: "9.9")
    keys.append(_arithmetic(card, "cpu"))
    assert len({digest(key) for key in keys}) == 4
    assert _arithmetic(card, "cuda:0") == _arithmetic(card, "cuda:1")
