"""What a saved classifier is rebuilt from, whatever its head."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch

from trainables import classify
from trainables.config import BackboneRef, DataRef, canonical, from_mapping
from trainables.context import Context, Locations
from trainables.data.open import open_split
from trainables.engine.classifier_files import load_classifier, load_initial, set_to_initial
from trainables.engine.classifier_spec import create_classifier
from trainables.engine.config import OptimizerConfig
from trainables.engine.evaluation import predict_logits
from trainables.errors import ConfigError, WeightsError
from trainables.models import factory
from trainables.models.head_config import HeadConfig
from trainables.models.token_head import TokenHead

DEIT = HeadConfig(name="deit", backbone=BackboneRef(card="deit_t_twin"), trim=1, freeze=True)


def train(folder: Path, locations: Locations, **changes: Any) -> tuple[classify.Config, Context]:
    config = classify.Config(
        **{
            "backbone": BackboneRef(card="deit_s_twin", output_block=1),
            "head": DEIT,
            "data": DataRef(name="fundus", domains=("camera_0",), limit=16),
            "epochs": 1,
            "batch_size": 8,
            "optimizer": OptimizerConfig(lr=1e-3),
            "keep_initial": True,
            **changes,
        }
    )
    context = Context.local(folder, locations, seed=4)
    classify.run(config, context)
    return config, context


@pytest.fixture(scope="module")
def trained(
    shared_locations: Locations, tmp_path_factory: pytest.TempPathFactory
) -> tuple[classify.Config, Context]:
    return train(tmp_path_factory.mktemp("tokens"), shared_locations)


def test_rebuilt_classifier_gives_the_logits_that_were_tested(
    trained: tuple[classify.Config, Context], shared_locations: Locations
) -> None:
    config, context = trained
    model, spec = load_classifier(context.artifacts, shared_locations)
    assert isinstance(model.head, TokenHead)
    assert (len(model.backbone.blocks()), len(model.head.blocks)) == (2, 3)
    assert not model.training
    images = open_split(config.data, "test", context)
    logits_nk, _ = predict_logits(model, images, spec.transform, 8, "fp32", context)
    rows = pq.read_table(context.artifacts / "predictions.parquet")["logits"].to_pylist()
    torch.testing.assert_close(logits_nk, torch.tensor(rows), atol=1e-5, rtol=1e-5)


def test_frozen_reader_ends_where_it_began_and_the_rest_does_not(
    trained: tuple[classify.Config, Context], shared_locations: Locations
) -> None:
    _, context = trained
    model, _ = load_classifier(context.artifacts, shared_locations)
    initial = load_initial(context.artifacts)
    assert initial.keys() == model.state_dict().keys()
    moved = {k for k, v in model.state_dict().items() if not torch.equal(v, initial[k])}
    new = ("head.projector.", "head.fc.")
    assert {k for k in moved if k.startswith("head.")} == {k for k in initial if k.startswith(new)}
    assert any(k.startswith("backbone.trunk.blocks.1.") for k in moved)
    set_to_initial(model, context.artifacts)
    assert all(torch.equal(v, initial[k]) for k, v in model.state_dict().items())


def test_initial_state_is_what_the_spec_and_the_seed_say(
    trained: tuple[classify.Config, Context], shared_locations: Locations
) -> None:
    _, context = trained
    _, spec = load_classifier(context.artifacts, shared_locations)
    initial = load_initial(context.artifacts)
    again = create_classifier(spec, shared_locations, context.seed).state_dict()
    other = create_classifier(spec, shared_locations, context.seed + 1).state_dict()
    assert all(torch.equal(again[k], v) for k, v in initial.items())
    for part in ("head.fc.weight", "head.blocks.1.mlp.fc1.weight", "backbone.trunk.cls_token"):
        assert not torch.equal(other[part], initial[part])


def test_loading_needs_no_published_weights(
    trained: tuple[classify.Config, Context],
    shared_locations: Locations,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, context = trained
    path = context.artifacts / "config.json"
    text = path.read_text()
    path.write_text(text.replace('"weights": "random"', '"weights": "twin"'))
    monkeypatch.setattr(factory.twin, "twin_weights", lambda *_: pytest.fail("read weights"))
    try:
        _, spec = load_classifier(context.artifacts, shared_locations)
    finally:
        path.write_text(text)
    assert spec.backbone.weights == "twin"


def test_head_that_does_not_fit_the_weights_is_refused(
    trained: tuple[classify.Config, Context], shared_locations: Locations
) -> None:
    _, context = trained
    path = context.artifacts / "config.json"
    text = path.read_text()
    path.write_text(text.replace('"trim": 1', '"trim": 2'))
    try:
        with pytest.raises(WeightsError, match=r"head\.blocks\.1"):
            load_classifier(context.artifacts, shared_locations)
    finally:
        path.write_text(text)


def test_unknown_key_of_a_head_s_backbone_is_refused() -> None:
    described = canonical(DEIT)
    described["backbone"]["wieghts"] = "random"
    with pytest.raises(ConfigError, match="Did you mean 'weights'"):
        from_mapping(HeadConfig, described)
