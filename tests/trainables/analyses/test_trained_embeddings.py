"""Analyses of what the last layer reads, of two networks with two heads, by a second route."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import normalize
from torch import Tensor
from trained_cells import DATA, Ran, fine_tune, run

from trainables import embedding_knn, embedding_similarity
from trainables.analyses.cka import unbiased_cka
from trainables.config import BackboneRef, DataRef
from trainables.context import Context, Locations
from trainables.data.open import load_split
from trainables.engine.classifier_files import load_classifier
from trainables.errors import ConfigError, DatasetError
from trainables.models.head_config import HeadConfig
from trainables.registry import load_trainable

COMMON: dict[str, Any] = {"data": DATA, "selection_metric": "val/accuracy", "batch_size": 8}
KNN = embedding_knn.Config(**COMMON, k=5, temperature=0.2)
SIMILARITY = embedding_similarity.Config(**COMMON)
EVERY = (KNN, SIMILARITY)


@pytest.fixture(scope="module")
def deep(shared_locations: Locations, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """A transformer whose tokens a DeiT reads."""
    return fine_tune(
        "deit_s_twin",
        tmp_path_factory.mktemp("deep"),
        shared_locations,
        epochs=1,
        image_size_px=64,
        head=HeadConfig(name="deit", backbone=BackboneRef(card="deit_t_twin")),
    )


@pytest.fixture(scope="module")
def linear(shared_locations: Locations, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """A CNN of another width that sees smaller pictures, otherwise normalised."""
    return fine_tune(
        "resnet50_twin",
        tmp_path_factory.mktemp("linear"),
        shared_locations,
        epochs=1,
        normalisation="dataset",
    )


@pytest.fixture(scope="module")
def analyse(
    shared_locations: Locations, deep: Ran, linear: Ran, tmp_path_factory: pytest.TempPathFactory
) -> Any:
    """Run an analysis, of the deep head and the linear one unless it is told others."""

    def analysed(config: Any, **inputs: Path) -> Ran:
        wanted = {"model": deep.artifacts, "other": linear.artifacts, **inputs}
        return run(config, tmp_path_factory.mktemp(config.trainable), shared_locations, wanted)

    return analysed


def embeddings(ran: Ran, split: Any, locations: Locations) -> tuple[Tensor, np.ndarray]:
    """Return the input of the last linear layer, by a hook on it."""
    model, spec = load_classifier(ran.artifacts, locations)
    images = load_split(DATA, split, locations)
    x_nchw = spec.transform.build()(images.images(np.arange(len(images))))
    *_, last = (module for module in model.modules() if isinstance(module, torch.nn.Linear))
    layer = getattr(model.head, "fc", last)
    seen: list[Tensor] = []
    layer.register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        model(x_nchw)
    return seen[0], images.labels


@pytest.mark.parametrize("head", ["deep", "linear"])
def test_neighbours_vote_by_what_the_last_layer_reads(
    analyse: Any, request: pytest.FixtureRequest, shared_locations: Locations, head: str
) -> None:
    model: Ran = request.getfixturevalue(head)
    train_nd, labels = embeddings(model, "train", shared_locations)
    test_nd, truth = embeddings(model, "test", shared_locations)

    def weights(distances: Any) -> Any:
        # Of unit vectors, half the squared distance is 1 - cosine.
        return np.exp((1 - distances**2 / 2) / KNN.temperature)

    voters = KNeighborsClassifier(KNN.k, weights=weights).fit(normalize(train_nd.numpy()), labels)
    shares = voters.predict_proba(normalize(test_nd.numpy()))
    ran = analyse(KNN, model=model.artifacts)
    table = pq.read_table(ran.artifacts / "predictions.parquet").to_pydict()
    logits = torch.tensor(table["logits"])
    np.testing.assert_allclose(logits.softmax(dim=1).numpy(), shares, atol=1e-4)
    assert ran.final["test/accuracy"] == (shares.argmax(axis=1) == truth).mean()
    assert {name.split("/")[0] for name in ran.final} == {"test"}


def test_similarity_of_one_batch_is_cka_of_two_embeddings(
    analyse: Any, deep: Ran, linear: Ran, shared_locations: Locations
) -> None:
    one_nd, two_ne = (
        embeddings(model, "test", shared_locations)[0].double() for model in (deep, linear)
    )
    assert one_nd.shape[1] != two_ne.shape[1]
    ran = analyse(dataclasses.replace(SIMILARITY, batch_size=20))
    expected = unbiased_cka(one_nd, two_ne)
    assert ran.final["cka/last"] == pytest.approx(expected, abs=1e-5)
    assert ran.read("embedding_similarity.json") == {
        "last": ran.final["cka/last"],
        "undefined": {},
    }


def test_similarity_is_the_same_either_way_round(analyse: Any, deep: Ran, linear: Ran) -> None:
    there = analyse(SIMILARITY).final["cka/last"]
    back = analyse(SIMILARITY, model=linear.artifacts, other=deep.artifacts).final["cka/last"]
    assert there == pytest.approx(back, abs=1e-9)
    assert there < 0.999


def test_a_model_is_like_itself(analyse: Any, deep: Ran) -> None:
    assert analyse(SIMILARITY, other=deep.artifacts).final["cka/last"] == pytest.approx(1)


def test_similarity_repeats_the_test_of_the_model(analyse: Any, deep: Ran) -> None:
    ran = analyse(SIMILARITY)
    got = {name: value for name, value in ran.final.items() if name.startswith("test/")}
    tested = {k: v for k, v in deep.final.items() if k.startswith("test/")}
    assert tested
    assert got == pytest.approx(tested, nan_ok=True)


@pytest.mark.parametrize("config", EVERY, ids=lambda config: config.trainable)
def test_report_repeats_the_validation_that_training_chose(
    analyse: Any, deep: Ran, config: Any
) -> None:
    (report,) = analyse(config).reports
    (trained,) = deep.reports
    for name in report.keys() - {"perf/val_s"}:
        assert report[name] == pytest.approx(trained[name], rel=1e-5, nan_ok=True), name


@pytest.mark.parametrize("config", EVERY, ids=lambda config: config.trainable)
def test_search_trials_look_at_validation_only(
    tmp_path: Path, shared_locations: Locations, deep: Ran, config: Any
) -> None:
    context = Context.local(tmp_path / "trial", shared_locations, final=False)
    context.inputs = dict.fromkeys(("model", "other"), deep.artifacts)
    assert load_trainable(config.trainable).run(config, context) == {}
    assert not (tmp_path / "trial" / "artifacts").exists()


@pytest.mark.parametrize(
    ("config", "present", "missing"),
    [(KNN, (), "model"), (SIMILARITY, (), "model"), (SIMILARITY, ("model",), "other")],
)
def test_missing_input_is_named(
    tmp_path: Path,
    shared_locations: Locations,
    deep: Ran,
    config: Any,
    present: tuple[str, ...],
    missing: str,
) -> None:
    with pytest.raises(ConfigError, match=rf"no input '{missing}'.*needs"):
        run(config, tmp_path, shared_locations, dict.fromkeys(present, deep.artifacts))


@pytest.mark.parametrize("config", EVERY, ids=lambda config: config.trainable)
def test_data_of_other_classes_is_refused(analyse: Any, config: Any) -> None:
    foreign = DataRef(name="isic2019_twin", limit=20)
    with pytest.raises(ConfigError, match=r"input 'model'.*'isic2019_twin' has"):
        analyse(dataclasses.replace(config, data=foreign))


def test_another_model_of_other_classes_is_refused(
    analyse: Any, shared_locations: Locations, tmp_path: Path
) -> None:
    foreign = DataRef(name="isic2019_twin", limit=20)
    other = fine_tune("deit_t_twin", tmp_path, shared_locations, data=foreign, epochs=1)
    with pytest.raises(ConfigError, match=r"input 'other'.*tells"):
        analyse(SIMILARITY, other=other.artifacts)


def test_fewer_than_four_pictures_are_refused(analyse: Any) -> None:
    three = dataclasses.replace(DATA, limit=3)
    with pytest.raises(DatasetError, match="at least 4 pictures"):
        analyse(dataclasses.replace(SIMILARITY, data=three))


@pytest.mark.parametrize(
    ("config", "wrong"),
    [
        (KNN, {"k": 0}),
        (KNN, {"temperature": 0.0}),
        (KNN, {"batch_size": 0}),
        (KNN, {"selection_metric": "test/accuracy"}),
        (SIMILARITY, {"batch_size": 3}),
        (SIMILARITY, {"selection_metric": "test/accuracy"}),
    ],
)
def test_configs_refuse_nonsense(config: Any, wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        dataclasses.replace(config, **wrong)
