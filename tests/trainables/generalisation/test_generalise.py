"""Runs of the protocol on a few pictures: what is measured, chosen, returned and written."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file
from sklearn.metrics import f1_score
from torch import Tensor, nn

from trainables import generalise
from trainables.config import BackboneRef, DataRef
from trainables.context import Context, Locations, NonFiniteLossError
from trainables.data.augmentation import Augmentation
from trainables.data.cards import get_data_card
from trainables.engine.batches import ImageBatch
from trainables.engine.config import OptimizerConfig
from trainables.errors import ConfigError
from trainables.generalisation import protocol
from trainables.generalisation.config import MethodConfig
from trainables.generalisation.method import Method
from trainables.generalisation.splits import open_domains
from trainables.generalisation.training import StepsConfig

CONFIG = generalise.Config(
    method=MethodConfig(
        name="erm", backbone=BackboneRef(card="resnet18_twin", weights="random"), freeze_norms=True
    ),
    data=DataRef(name="fundus", limit=60),
    source_domains=("camera_1", "camera_0"),
    test_domains=("camera_2",),
    steps=6,
    checkpoint_every=2,
    batch_size=8,
    image_size_px=32,
    optimizer=OptimizerConfig(name="adam", lr=3e-3),
    augment=Augmentation(),
)


@dataclasses.dataclass
class Run:
    folder: Path
    reports: list[dict[str, float]]
    final: dict[str, float]

    @property
    def results(self) -> list[dict[str, Any]]:
        lines = (self.folder / "artifacts" / "results.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]


def run(config: generalise.Config, folder: Path, locations: Locations, **changes: Any) -> Run:
    reports: list[dict[str, float]] = []

    def send(_step: int, metrics: Mapping[str, float]) -> None:
        reports.append(dict(metrics))

    context = Context(
        trial_id="trial", seed=2, folder=folder, locations=locations, send=send,
        **{"final": True, **changes},
    )  # fmt: skip
    return Run(folder, reports, generalise.run(config, context))


@pytest.fixture(scope="module")
def whole(shared_locations: Locations, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run(CONFIG, tmp_path_factory.mktemp("whole"), shared_locations)


@pytest.fixture(scope="module")
def complete(shared_locations: Locations, tmp_path_factory: pytest.TempPathFactory) -> Run:
    config = dataclasses.replace(CONFIG, evaluate="all")
    return run(config, tmp_path_factory.mktemp("complete"), shared_locations)


@pytest.mark.parametrize(
    ("steps", "every", "expected"),
    [
        (5001, 200, list(range(0, 5001, 200))),
        (6, 2, [0, 2, 4, 5]),
        (1, 200, [0]),
        (3, 1, [0, 1, 2]),
    ],
)
def test_records_are_taken_after_step_0_every_so_often_and_at_the_end(
    steps: int, every: int, expected: list[int]
) -> None:
    config = StepsConfig(
        steps=steps, record_every=every, optimizer=OptimizerConfig(),
        selection_metric="val/accuracy", precision="fp32", clip_norm=0.0,
    )  # fmt: skip
    assert config.recorded() == expected


def test_validation_is_the_mean_over_the_sources(whole: Run) -> None:
    assert len(whole.reports) == 4
    for report in whole.reports:
        for name in ("accuracy", "macro_f1_fixed", "weighted_f1"):
            parts = [report[f"val/{domain}/{name}"] for domain in CONFIG.source_domains]
            assert report[f"val/{name}"] == pytest.approx(np.mean(parts))
        assert not any("camera_2" in name for name in report)


def test_results_have_the_keys_of_domainbed(whole: Run) -> None:
    assert [line["step"] for line in whole.results] == [0, 2, 4, 5]
    shorts = ("acc", "f1m", "f1w")
    measured = {f"env{part}_{short}" for part in ("0_out", "1_out", "2_in") for short in shorts}
    common = {"step", "epoch", "loss", "args", "hparams"}
    for line in whole.results[:-1]:
        assert line.keys() == measured | common
    oracle = {f"env2_out_{short}" for short in shorts}
    assert whole.results[-1].keys() == measured | common | oracle
    args = whole.results[0]["args"]
    assert (args["test_envs"], args["trial_seed"], args["algorithm"]) == ([2], 0, "erm")
    assert json.loads(args["hparams"]) == whole.results[0]["hparams"]
    assert not {"source_domains", "test_domains"} & whole.results[0]["hparams"].keys()


def test_an_epoch_is_that_of_the_smallest_domain(whole: Run, shared_locations: Locations) -> None:
    context = Context.local(whole.folder, shared_locations)
    sizes = [
        len(domain.inside)
        for names in (CONFIG.source_domains, CONFIG.test_domains)
        for domain in open_domains(CONFIG.data, names, 0.2, context).parts
    ]
    epochs = [line["epoch"] for line in whole.results]
    assert epochs == pytest.approx([step * 8 / min(sizes) for step in (0, 2, 4, 5)])


def test_results_hold_what_was_reported(whole: Run) -> None:
    for report, line in zip(whole.reports, whole.results, strict=True):
        assert line["env0_out_acc"] == report["val/camera_0/accuracy"]
        assert line["env1_out_f1m"] == report["val/camera_1/macro_f1_fixed"]
        assert line["loss"] == report["train/loss"]


def test_everything_is_measured_on_demand_and_changes_nothing_else(
    whole: Run, complete: Run
) -> None:
    parts = {f"env{e}_{part}_acc" for e in range(3) for part in ("in", "out")}
    assert all(parts <= line.keys() for line in complete.results)
    assert complete.final == whole.final
    kept = [name for name in whole.reports[0] if not name.startswith("perf/")]
    for one, other in zip(whole.reports, complete.reports, strict=True):
        assert {name: one[name] for name in kept} == {name: other[name] for name in kept}


def test_the_test_is_the_in_part_at_the_first_best_record(whole: Run) -> None:
    validated = [report["val/macro_f1_fixed"] for report in whole.reports]
    chosen = whole.results[int(np.argmax(validated))]
    assert whole.final["test/accuracy"] == pytest.approx(chosen["env2_in_acc"], abs=1e-12)
    assert whole.final["test/macro_f1_fixed"] == pytest.approx(chosen["env2_in_f1m"], abs=1e-12)
    last = whole.results[-1]
    assert whole.final["oracle/accuracy"] == last["env2_in_acc"]
    assert whole.final["oracle_val/weighted_f1"] == last["env2_out_f1w"]


def test_predictions_give_the_metrics_of_all_pictures(whole: Run) -> None:
    rows = pq.read_table(whole.folder / "artifacts" / "predictions.parquet").to_pylist()
    labels = np.array([row["label"] for row in rows])
    predicted = np.array([row["logits"] for row in rows]).argmax(axis=1)
    assert {row["domain"] for row in rows} == {"camera_2"}
    assert whole.final["test_all/accuracy"] == pytest.approx((labels == predicted).mean())
    expected = f1_score(labels, predicted, labels=range(5), average="macro", zero_division=0)
    assert whole.final["test_all/macro_f1_fixed"] == pytest.approx(expected)
    tested = np.array([row["tested"] for row in rows])
    right = (labels == predicted)[tested]
    assert 0 < tested.sum() < len(rows)
    assert whole.final["test/accuracy"] == pytest.approx(right.mean())


def test_several_test_domains_are_averaged(shared_locations: Locations, tmp_path: Path) -> None:
    config = dataclasses.replace(
        CONFIG, source_domains=("camera_2",), test_domains=("camera_0", "camera_1"), steps=2
    )
    found = run(config, tmp_path, shared_locations)
    for family in ("test", "test_all", "oracle", "oracle_val"):
        parts = [found.final[f"{family}/camera_{i}/accuracy"] for i in (0, 1)]
        assert found.final[f"{family}/accuracy"] == pytest.approx(np.mean(parts))
    assert found.results[0].keys() >= {"env0_in_acc", "env1_in_acc", "env2_out_acc"}
    assert found.results[0]["args"]["test_envs"] == [0, 1]


def test_search_trials_neither_open_nor_record_test_domains(
    whole: Run, shared_locations: Locations, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def watched(data: DataRef, names: tuple[str, ...], *rest: Any) -> Any:
        asked.extend(names)
        return open_domains(data, names, *rest)

    monkeypatch.setattr(protocol, "open_domains", watched)
    found = run(CONFIG, tmp_path, shared_locations, final=False)
    assert asked == list(CONFIG.source_domains)
    assert found.final == {}
    state = Context.local(tmp_path, shared_locations).resume()
    assert state is not None
    assert not any("env2" in key for record in state[1]["records"] for key in record)
    # A replicate of the same seed trains and validates exactly as a search trial does.
    for one, other in zip(found.reports, whole.reports, strict=True):
        assert one["train/loss"] == other["train/loss"]
        assert one["val/accuracy"] == other["val/accuracy"]


def test_validation_pictures_are_augmented_as_released_or_not_at_all(
    shared_locations: Locations, tmp_path: Path
) -> None:
    config = dataclasses.replace(
        CONFIG, steps=1, augment=generalise.AUGMENTATION,
        optimizer=OptimizerConfig(name="sgd", lr=1e-9, momentum=0.0),
    )  # fmt: skip
    clean = dataclasses.replace(config, augment_validation=False)
    plain = dataclasses.replace(config, augment=Augmentation(), augment_validation=False)
    released, untouched, reference = (
        run(chosen, tmp_path / str(i), shared_locations).reports[0]["val/auc"]
        for i, chosen in enumerate((config, clean, plain))
    )
    # The weights have hardly moved, so only the pictures can differ.
    assert untouched == pytest.approx(reference, abs=1e-6)
    assert released != untouched


@pytest.mark.parametrize(("normalisation", "red"), [("imagenet", 0.485), ("backbone", 0.48145466)])
def test_clip_is_fed_by_the_statistics_of_imagenet_or_its_own(
    normalisation: Any, red: float, shared_locations: Locations, tmp_path: Path
) -> None:
    backbone = BackboneRef(card="clip_vit_b16_twin", weights="random")
    config = dataclasses.replace(
        CONFIG,
        method=MethodConfig(name="linear_probe", backbone=backbone),
        image_size_px=None,
        steps=1,
        normalisation=normalisation,
    )
    run(config, tmp_path, shared_locations)
    description = json.loads((tmp_path / "artifacts" / "config.json").read_text())
    transform = description["generaliser"]["transform"]
    assert transform["mean"][0] == red
    assert (transform["interpolation"], transform["size_px"]) == ("bilinear", 64)


class Untrained(Method):
    """Grades by redness, and counts how often it is asked to."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("level_k", torch.linspace(-1, 1, 5))

    def loss(self, batches: object) -> Tensor:
        raise AssertionError(f"there is nothing to train on {batches}")

    def logits(self, x_nchw: Tensor) -> Tensor:
        return -((x_nchw[:, 0].mean(dim=(1, 2))[:, None] - self.level_k) ** 2)


def test_a_method_without_training_is_evaluated_once(
    shared_locations: Locations, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "create_method", lambda *_: Untrained())
    found = run(CONFIG, tmp_path, shared_locations)
    [report] = found.reports
    assert not any(name.startswith(("train/", "perf/")) for name in report)
    [line] = found.results
    assert "loss" not in line
    assert found.final["test/accuracy"] == found.final["oracle/accuracy"] == line["env2_in_acc"]


class Exploding(Method):
    """Has a loss that is not a number."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(1, 5)

    def loss(self, batches: list[ImageBatch]) -> Tensor:
        del batches
        return self.layer.weight.sum() * float("nan")

    def logits(self, x_nchw: Tensor) -> Tensor:
        logits_nk: Tensor = self.layer(x_nchw.mean(dim=(1, 2, 3))[:, None])
        return logits_nk


def test_a_loss_that_is_no_number_ends_the_trial(
    shared_locations: Locations, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "create_method", lambda *_: Exploding())
    with pytest.raises(NonFiniteLossError):
        run(CONFIG, tmp_path, shared_locations)


class Counting(Exploding):
    """Has a constant slope, and restarts its optimizer before step 3."""

    def loss(self, batches: list[ImageBatch]) -> Tensor:
        del batches
        return self.layer.weight.sum() * (1000.0 if self.step < 3 else 1e-3)

    def restarts_optimizer(self) -> bool:
        return self.step == 3


def test_a_restarted_optimizer_has_forgotten_larger_gradients(
    shared_locations: Locations, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    method = Counting()
    before = method.layer.weight.detach().clone()
    monkeypatch.setattr(protocol, "create_method", lambda *_: method)
    config = dataclasses.replace(CONFIG, optimizer=OptimizerConfig(name="adam", lr=0.1))
    run(config, tmp_path, shared_locations)
    found = Context.local(tmp_path, shared_locations).resume()
    assert found is not None
    # Adam moves by its rate under a constant slope, whatever that is; with the moments of the first
    # three steps the next ones would move less.
    moved = before - found[1]["model"]["layer.weight"]
    assert moved.flatten().tolist() == pytest.approx([0.6] * 5, rel=1e-3)


def test_what_is_saved_is_the_state_that_was_tested(whole: Run) -> None:
    description = json.loads((whole.folder / "artifacts" / "config.json").read_text())
    assert description["generaliser"]["classes"] == list(get_data_card("fundus").classes)
    assert description["metrics"]["test/accuracy"] == whole.final["test/accuracy"]
    weights = load_file(whole.folder / "artifacts" / "model.safetensors")
    found = Context.local(whole.folder, Locations(data=Path(), weights=Path(), store=Path()))
    state = found.resume()
    assert state is not None
    best = state[1]["best"]["model"]
    assert weights.keys() == best.keys()
    assert all(torch.equal(weights[name], best[name]) for name in weights)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": DataRef(name="fundus", domains=("camera_0",))}, "not data.domains"),
        ({"source_domains": ()}, "source_domains must name"),
        ({"test_domains": ()}, "test_domains must name"),
        ({"test_domains": ("camera_0",)}, r"\['camera_0'\] may be named once"),
        ({"test_domains": ("camera_9",)}, "has no domain 'camera_9'"),
        ({"data": DataRef(name="chexpert_twin")}, "'chexpert_twin' has labels that are no classes"),
        ({"holdout_fraction": 1.0}, "holdout_fraction"),
        ({"steps": 0}, "steps must be >= 1"),
        ({"batch_size": 1}, "batch_size must be >= 2"),
        ({"selection_metric": "test/accuracy"}, "must be a 'val/' metric"),
        ({"normalisation": "dataset"}, "normalisation must be one of"),
        ({"evaluate": "some"}, "evaluate must be one of"),
    ],
)
def test_impossible_configs_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        dataclasses.replace(CONFIG, **changes)
