"""Analyses of trained cells: every number by a second route, and errors that name the place."""

from __future__ import annotations

import copy
import dataclasses
import itertools
import math
import re
import shutil
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

from trainables import layer_knn, layer_reinit, layer_similarity, weight_change
from trainables.analyses import trained_model
from trainables.analyses.capture import capture
from trainables.analyses.cka import unbiased_cka
from trainables.analyses.trained_neighbours import share_logits
from trainables.config import DataRef
from trainables.context import Context, Locations
from trainables.data.open import load_split
from trainables.engine.classifier_files import load_classifier, load_initial
from trainables.errors import ConfigError, DatasetError, WeightsError
from trainables.models.head_config import HeadConfig
from trainables.models.heads import Classifier
from trainables.registry import load_trainable

COMMON: dict[str, Any] = {"data": DATA, "selection_metric": "val/accuracy", "batch_size": 8}
KNN = layer_knn.Config(**COMMON, k=5, temperature=0.2)
REINIT = layer_reinit.Config(**COMMON)
CHANGE = weight_change.Config(**COMMON)
SIMILARITY = layer_similarity.Config(**COMMON)
EVERY = (KNN, REINIT, CHANGE, SIMILARITY)


@pytest.fixture(scope="module")
def trained(shared_locations: Locations, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """A transformer: its layers have all kinds of features."""
    return fine_tune("deit_s_twin", tmp_path_factory.mktemp("trained"), shared_locations)


@pytest.fixture(scope="module")
def other(shared_locations: Locations, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    folder = tmp_path_factory.mktemp("other")
    return fine_tune("deit_s_twin", folder, shared_locations, epochs=1)


@pytest.fixture(scope="module")
def convolutional(shared_locations: Locations, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    folder = tmp_path_factory.mktemp("convolutional")
    return fine_tune("resnet50_twin", folder, shared_locations, epochs=1)


@pytest.fixture(scope="module")
def analyse(
    shared_locations: Locations, trained: Ran, tmp_path_factory: pytest.TempPathFactory
) -> Any:
    """Run an analysis of the trained model, once for all tests."""
    known: dict[Any, Ran] = {}

    def analysed(config: Any, **inputs: Path) -> Ran:
        key = (config, *inputs.items())
        if key not in known:
            folder = tmp_path_factory.mktemp(config.trainable)
            wanted = {"model": trained.artifacts, **inputs}
            known[key] = run(config, folder, shared_locations, wanted)
        return known[key]

    return analysed


class Seen:
    """The model of a trial, before and after, and what it sees, by the shortest way."""

    def __init__(self, ran: Ran, locations: Locations) -> None:
        self.trained, self.spec = load_classifier(ran.artifacts, locations)
        self.initial = copy.deepcopy(self.trained)
        self.initial.load_state_dict(load_initial(ran.artifacts))
        self.locations = locations

    def pictures(self, split: Any) -> tuple[Tensor, np.ndarray]:
        images = load_split(DATA, split, self.locations)
        pixels = images.images(np.arange(len(images)))
        return self.spec.transform.build()(pixels), images.labels

    def accuracy(self, model: Classifier) -> float:
        x_nchw, labels = self.pictures("test")
        with torch.no_grad():
            return float((model(x_nchw).argmax(dim=1).numpy() == labels).mean())


@pytest.fixture(scope="module")
def seen(trained: Ran, shared_locations: Locations) -> Seen:
    return Seen(trained, shared_locations)


@pytest.mark.parametrize("config", EVERY, ids=lambda config: config.trainable)
def test_report_repeats_the_validation_that_training_chose(
    analyse: Any, trained: Ran, config: Any
) -> None:
    best = max(trained.reports, key=lambda report: report["val/accuracy"])
    (report,) = analyse(config).reports
    for name in report.keys() - {"perf/val_s"}:
        assert report[name] == pytest.approx(best[name], rel=1e-5, nan_ok=True), name


@pytest.mark.parametrize(
    "config", [REINIT, CHANGE, SIMILARITY], ids=lambda config: config.trainable
)
def test_headline_is_the_test_of_training(analyse: Any, trained: Ran, config: Any) -> None:
    ran = analyse(config)
    got = {name: value for name, value in ran.final.items() if name.startswith("test/")}
    tested = {k: v for k, v in trained.final.items() if k.startswith("test/")}
    assert tested
    assert got == pytest.approx(tested, nan_ok=True)
    table = pq.read_table(ran.artifacts / "predictions.parquet")
    assert table.equals(pq.read_table(trained.artifacts / "predictions.parquet"))


def neighbours_accuracy(bank: Tensor, labels: Any, queries: Tensor, truth: Any) -> float:
    def weights(distances: Any) -> Any:
        # Of unit vectors, half the squared distance is 1 - cosine.
        return np.exp((1 - distances**2 / 2) / KNN.temperature)

    voters = KNeighborsClassifier(KNN.k, weights=weights).fit(normalize(bank.numpy()), labels)
    return float((voters.predict(normalize(queries.numpy())) == truth).mean())


@pytest.mark.parametrize("state", ["trained", "initial"])
def test_neighbours_of_layers_equal_scikit_learn(analyse: Any, seen: Seen, state: Any) -> None:
    final = analyse(dataclasses.replace(KNN, state=state)).final
    model = seen.trained if state == "trained" else seen.initial
    (train, labels), (test, truth) = seen.pictures("train"), seen.pictures("test")
    ways = {
        "knn/backbone": ("backbone", _itself),
        "knn/00_patch_embed/all": ("backbone.trunk.patch_embed", lambda t: t.mean(dim=1)),
        "knn/03_blocks.1.attn/cls": ("backbone.trunk.blocks.1.attn", lambda t: t[:, 0]),
        "knn/04_blocks.1.mlp/patches": (
            "backbone.trunk.blocks.1.mlp",
            lambda t: t[:, 1:].mean(dim=1),
        ),
        "knn/09_fc/all": ("head", _itself),
    }
    for name, (path, take) in ways.items():
        bank, queries = (take(capture(model, [path], x)[path]) for x in (train, test))
        assert final[name] == neighbours_accuracy(bank, labels, queries, truth), name
    assert final["test/accuracy"] == final["knn/backbone"]
    kinds = [name.split("/")[2] for name in final if name.startswith("knn/0")]
    assert kinds == ["all", *("all", "cls", "patches") * 8, "all"]


def test_file_of_neighbours_has_all_metrics_of_all_layers(analyse: Any) -> None:
    ran = analyse(KNN)
    content = ran.read("layer_knn.json")
    assert content["state"] == "trained"
    assert content["undefined"] == {}
    found = {}
    for layer, kinds in content["layers"].items():
        for kind, metrics in kinds.items():
            name = "knn/backbone" if layer == "backbone" else f"knn/{layer}/{kind}"
            found[name] = metrics["accuracy"]
            assert {"kappa", "roc_auc", "recall_macro"} < metrics.keys()
    assert found == {name: v for name, v in ran.final.items() if name.startswith("knn/")}


def test_predictions_of_neighbours_are_their_shares(analyse: Any) -> None:
    ran = analyse(dataclasses.replace(KNN, k=1))
    table = pq.read_table(ran.artifacts / "predictions.parquet").to_pydict()
    logits = np.array(table["logits"])
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(np.sort(shares, axis=1)[:, -2:], [[0, 1]] * 20, atol=1e-6)
    assert (shares.argmax(axis=1) == table["label"]).mean() == ran.final["test/accuracy"]


def test_multilabel_logits_are_those_of_the_shares() -> None:
    shares = torch.tensor([[0.0, 0.5, 1.0], [0.25, 0.1, 0.9]])
    got = torch.sigmoid(share_logits(shares, "multilabel"))
    torch.testing.assert_close(got, shares, atol=1e-6, rtol=0)


@pytest.mark.parametrize("layer", ["00_patch_embed", "03_blocks.1.attn", "09_fc"])
def test_layer_set_back_by_hand_scores_the_same(analyse: Any, seen: Seen, layer: str) -> None:
    ran = analyse(REINIT)
    path = "head" if layer.endswith("fc") else f"backbone.trunk.{layer[3:]}"
    mixed = copy.deepcopy(seen.trained)
    mixed.get_submodule(path).load_state_dict(seen.initial.get_submodule(path).state_dict())
    assert ran.final[f"reinit/{layer}"] == seen.accuracy(mixed)
    lost = seen.accuracy(seen.trained) - seen.accuracy(mixed)
    assert ran.final[f"drop/{layer}"] == pytest.approx(lost)
    content = ran.read("layer_reinit.json")
    assert content["reset"][layer]["accuracy"] == ran.final[f"reinit/{layer}"]
    assert content["trained"]["accuracy"] == ran.final["test/accuracy"]
    assert {"loss", "kappa"} < content["trained"].keys()


def test_mean_drop_is_that_of_all_layers(analyse: Any) -> None:
    final = analyse(REINIT).final
    drops = [value for name, value in final.items() if name.startswith("drop/0")]
    assert len(drops) == 10
    assert final["drop/mean"] == pytest.approx(sum(drops) / 10)


def test_weight_change_is_the_distance_per_element(analyse: Any, seen: Seen) -> None:
    ran = analyse(CHANGE)
    before, after = seen.initial.state_dict(), seen.trained.state_dict()
    distances = []
    for name in ("weight", "bias"):
        moved = (after[f"head.{name}"] - before[f"head.{name}"]).double().numpy()
        distances.append(math.sqrt((moved**2).sum()) / moved.size)
    assert ran.final["l2/09_fc"] == pytest.approx(sum(distances) / 2)
    by_layer = {k[3:]: v for k, v in ran.final.items() if k.startswith("l2/0")}
    assert ran.final["l2/total"] == pytest.approx(sum(by_layer.values()) / 10)
    assert ran.read("weight_change.json")["layers"] == by_layer


def test_similarity_is_the_mean_over_batches_of_four_or_more(analyse: Any, seen: Seen) -> None:
    # Batches of 8, 8 and 4 pictures; with 9 the last batch of 2 is left out.
    path = "backbone.trunk.blocks.2.mlp"
    for size, cuts in ((8, (0, 8, 16, 20)), (9, (0, 9, 18))):
        ran = analyse(dataclasses.replace(SIMILARITY, batch_size=size))
        x_nchw, _ = seen.pictures("test")
        expected = []
        for start, stop in itertools.pairwise(cuts):
            one, two = (
                capture(model, [path], x_nchw[start:stop])[path].flatten(1)
                for model in (seen.trained, seen.initial)
            )
            expected.append(unbiased_cka(one, two))
        got = ran.final["cka/06_blocks.2.mlp"]
        assert got == pytest.approx(sum(expected) / len(expected), abs=1e-5)


def test_sums_of_hsic_are_the_mean_over_batches_where_there_is_one(analyse: Any) -> None:
    def by_layer(**changes: Any) -> dict[str, float]:
        final = analyse(dataclasses.replace(SIMILARITY, **changes)).final
        return {name: value for name, value in final.items() if name.startswith("cka/")}

    one = by_layer(batch_size=20, aggregate="mean")
    assert by_layer(batch_size=20, aggregate="hsic") == pytest.approx(one, abs=1e-9)
    assert by_layer(aggregate="hsic") != pytest.approx(by_layer(), abs=1e-6)


def test_file_of_similarities_has_three_matrices_of_every_kind(analyse: Any) -> None:
    ran = analyse(SIMILARITY)
    content = ran.read("layer_similarity.json")
    layers, kinds = content["layers"], content["kind"]
    assert (layers[0], len(layers), "fc" in layers) == ("patch_embed", 9, False)
    assert kinds.keys() == {"all", "cls", "patches"}
    pairs = {"trained-trained", "trained-initial", "initial-initial"}
    assert all(found.keys() == pairs for found in kinds.values())
    diagonal = np.diag(np.array(kinds["all"]["trained-initial"]))
    got = [ran.final[f"cka/{i:02d}_{name}"] for i, name in enumerate(layers)]
    np.testing.assert_array_equal(got, diagonal)
    assert ran.final["cka/mean"] == pytest.approx(diagonal.mean())


def test_another_model_is_compared_by_rows_and_columns(
    analyse: Any, seen: Seen, other: Ran, shared_locations: Locations
) -> None:
    config = dataclasses.replace(SIMILARITY, compare="other", batch_size=20)
    ran = analyse(config, other=other.artifacts)
    content = ran.read("layer_similarity.json")
    (matrix,) = content["kind"]["all"].values()
    assert list(content["kind"]["all"]) == ["wt-st"]
    x_nchw, _ = seen.pictures("test")
    rows, columns = "backbone.trunk.blocks.0.attn", "backbone.trunk.blocks.3.mlp"
    two, _ = load_classifier(other.artifacts, shared_locations)
    expected = unbiased_cka(
        capture(seen.trained, [rows], x_nchw)[rows].flatten(1),
        capture(two, [columns], x_nchw)[columns].flatten(1),
    )
    assert matrix[1][8] == pytest.approx(expected, abs=1e-5)


def test_a_model_is_like_itself_at_every_layer(analyse: Any, trained: Ran) -> None:
    config = dataclasses.replace(SIMILARITY, compare="other")
    final = analyse(config, other=trained.artifacts).final
    same = [value for name, value in final.items() if name.startswith("cka/")]
    assert same == pytest.approx([1.0] * 10)


def test_undefined_numbers_are_left_out_and_explained(analyse: Any) -> None:
    # One test picture is of one class, and so has no area under a curve.
    one = dataclasses.replace(DATA, limit=1)
    with pytest.raises(DatasetError, match="at least 4 pictures"):
        analyse(dataclasses.replace(SIMILARITY, data=one))
    ran = analyse(dataclasses.replace(REINIT, data=one, selection_metric="val/auc"))
    names = [f"{family}/{i:02d}" for family in ("drop", "reinit") for i in range(10)]
    undefined = ran.read("layer_reinit.json")["undefined"]
    assert sorted(name[: name.index("/") + 3] for name in undefined if "mean" not in name) == names
    assert "drop/mean" in undefined
    assert not undefined.keys() & ran.final.keys()
    assert all("not defined" in why for why in undefined.values())
    assert ran.read("layer_reinit.json")["trained"]["auc"] is None


def test_search_trials_look_at_validation_only(
    tmp_path: Path, shared_locations: Locations, trained: Ran
) -> None:
    context = Context.local(tmp_path / "trial", shared_locations, final=False)
    context.inputs = {"model": trained.artifacts}
    assert load_trainable("layer_reinit").run(REINIT, context) == {}
    assert not (tmp_path / "trial" / "artifacts").exists()


@pytest.mark.parametrize("config", EVERY, ids=lambda config: config.trainable)
def test_missing_input_is_named(tmp_path: Path, shared_locations: Locations, config: Any) -> None:
    with pytest.raises(ConfigError, match=r"no input 'model'.*needs"):
        run(config, tmp_path, shared_locations)


@pytest.mark.parametrize("missing", ["config.json", "model.safetensors"])
def test_missing_file_is_named(analyse: Any, trained: Ran, tmp_path: Path, missing: str) -> None:
    folder = shutil.copytree(trained.artifacts, tmp_path / "copy")
    (folder / missing).unlink()
    with pytest.raises(WeightsError, match=re.escape(str(folder / missing))):
        analyse(CHANGE, model=folder)


@pytest.mark.parametrize(
    "config",
    [dataclasses.replace(KNN, state="initial"), REINIT, CHANGE, SIMILARITY],
    ids=lambda config: config.trainable,
)
def test_missing_initial_state_says_how_to_get_it(
    analyse: Any, trained: Ran, tmp_path: Path, config: Any
) -> None:
    folder = shutil.copytree(trained.artifacts, tmp_path / "copy")
    (folder / "initial.safetensors").unlink()
    with pytest.raises(WeightsError, match="keep_initial=true"):
        analyse(config, model=folder)


def test_trained_neighbours_need_no_initial_state(
    analyse: Any, trained: Ran, tmp_path: Path
) -> None:
    folder = shutil.copytree(trained.artifacts, tmp_path / "copy")
    (folder / "initial.safetensors").unlink()
    assert "knn/backbone" in analyse(KNN, model=folder).final


@pytest.mark.parametrize("damaged", ["config.json", "model.safetensors", "initial.safetensors"])
def test_damaged_file_is_named(analyse: Any, trained: Ran, tmp_path: Path, damaged: str) -> None:
    folder = shutil.copytree(trained.artifacts, tmp_path / "copy")
    (folder / damaged).write_text("{")
    with pytest.raises(WeightsError, match=re.escape(str(folder / damaged))):
        analyse(CHANGE, model=folder)


def test_state_of_another_architecture_is_refused(
    analyse: Any, trained: Ran, convolutional: Ran, tmp_path: Path
) -> None:
    folder = shutil.copytree(trained.artifacts, tmp_path / "copy")
    shutil.copy(convolutional.artifacts / "initial.safetensors", folder)
    with pytest.raises(WeightsError, match="does not fit backbone 'deit_s_twin'"):
        analyse(CHANGE, model=folder)


@pytest.mark.parametrize("config", EVERY, ids=lambda config: config.trainable)
def test_head_of_several_layers_is_refused(
    trained: Ran,
    shared_locations: Locations,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    config: Any,
) -> None:
    model, spec = load_classifier(trained.artifacts, shared_locations)
    deep = dataclasses.replace(spec, head=HeadConfig(name="deit", backbone=spec.backbone))
    monkeypatch.setattr(trained_model, "load_classifier", lambda *_: (model, deep))
    with pytest.raises(ConfigError, match=r"input 'model'.*head 'deit'"):
        run(config, tmp_path, shared_locations, {"model": trained.artifacts})


def test_another_model_with_a_head_of_several_layers_is_refused(
    trained: Ran, shared_locations: Locations, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, spec = load_classifier(trained.artifacts, shared_locations)
    deep = dataclasses.replace(spec, head=HeadConfig(name="deit", backbone=spec.backbone))
    specs = iter([spec, deep])
    monkeypatch.setattr(trained_model, "load_classifier", lambda *_: (model, next(specs)))
    config = dataclasses.replace(SIMILARITY, compare="other")
    inputs = dict.fromkeys(("model", "other"), trained.artifacts)
    with pytest.raises(ConfigError, match=r"input 'other'.*head 'deit'"):
        run(config, tmp_path, shared_locations, inputs)


def test_models_of_two_architectures_are_not_compared(analyse: Any, convolutional: Ran) -> None:
    config = dataclasses.replace(SIMILARITY, compare="other")
    with pytest.raises(ConfigError, match=r"architecture.*deit_s_twin.*resnet50_twin"):
        analyse(config, other=convolutional.artifacts)


@pytest.mark.parametrize("config", EVERY, ids=lambda config: config.trainable)
def test_data_of_other_classes_is_refused(analyse: Any, config: Any) -> None:
    foreign = DataRef(name="isic2019_twin", limit=20)
    with pytest.raises(ConfigError, match="'isic2019_twin' has"):
        analyse(dataclasses.replace(config, data=foreign))


@pytest.mark.parametrize("metric", ["val/acuracy", "val/loss"])
def test_unknown_selection_metric_is_refused(analyse: Any, metric: str) -> None:
    with pytest.raises(ConfigError, match=f"no '{metric}'"):
        analyse(dataclasses.replace(CHANGE, selection_metric=metric))


@pytest.mark.parametrize(
    ("config", "wrong"),
    [
        (CHANGE, {"batch_size": 0}),
        (CHANGE, {"selection_metric": "test/accuracy"}),
        (KNN, {"k": 0}),
        (KNN, {"temperature": 0.0}),
        (KNN, {"state": "half"}),
        (SIMILARITY, {"batch_size": 3}),
        (SIMILARITY, {"compare": "itself"}),
        (SIMILARITY, {"aggregate": "sum"}),
    ],
)
def test_configs_refuse_nonsense(config: Any, wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        dataclasses.replace(config, **wrong)


def _itself(output: Tensor) -> Tensor:
    return output
