"""Fine-tuning, zero-shot and transfer of segmenters as trials, with tiny networks."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from tiny_networks import DATA, FROZEN, TinyDecoding, config, trial

from trainables import segment, segment_transfer, segment_zero_shot
from trainables.config import DataRef
from trainables.context import Locations
from trainables.data.open import load_split
from trainables.engine.config import EarlyStopping, OptimizerConfig
from trainables.errors import ConfigError, DatasetError, SealedTestError, WeightsError
from trainables.models.segmenter_cards import get_segmenter_card
from trainables.segmentation import network as network_module
from trainables.segmentation.config import LossConfig, PromptConfig
from trainables.segmentation.model_files import load_segmenter

pytestmark = pytest.mark.usefixtures("tiny")


def test_learns_to_outline_what_the_text_asks_for(
    shared_locations: Locations, tmp_path: Path
) -> None:
    context, reports = trial(tmp_path / "trial", shared_locations)
    data = DataRef(name="kvasir_polyp_twin")
    metrics = segment.run(config(data=data, epochs=6), context)
    assert reports[-1]["val/dice"] > reports[0]["val/dice"] + 0.1
    assert metrics["test/dice"] > 0.4
    assert metrics["test/dice_net"] > metrics["test/dice_net_shuffled"] + 0.03


def test_reports_are_of_validation_and_the_test_is_of_the_best_epoch(
    shared_locations: Locations, tmp_path: Path
) -> None:
    context, reports = trial(tmp_path / "trial", shared_locations)
    metrics = segment.run(config(epochs=3), context)
    keys = {"val/dice", "val/iou", "val/loss", "train/loss", "train/lr"}
    assert [set(report) for report in reports] == [keys] * 3
    described = json.loads((context.artifacts / "config.json").read_text())
    assert described["segmenter"]["chosen"] == max(r["val/dice"] for r in reports)
    assert described["metrics"] == metrics


def test_what_is_left_of_a_test_agrees_with_what_is_returned(
    shared_locations: Locations, tmp_path: Path
) -> None:
    context, _ = trial(tmp_path / "trial", shared_locations)
    metrics = segment.run(config(masks=True), context)
    rows = pq.read_table(context.artifacts / "cases.parquet").to_pylist()
    images = load_split(DATA, "test", shared_locations)
    assert [row["case"] for row in rows] == images.ids.tolist()
    for name in ("dice", "iou", "dice_net", "iou_net"):
        assert metrics[f"test/{name}"] == pytest.approx(np.mean([row[name] for row in rows]))
    for index, row in enumerate(rows):
        assert row["prompt"] in images.prompts_of(index)["p6"]
        stored = np.asarray(Image.open(context.artifacts / "masks" / f"{row['case']}.png"))
        truth = images.mask(index).numpy() > 127
        assert stored.shape == truth.shape
        total = (stored > 0).sum() + truth.sum()
        overlap = ((stored > 0) & truth).sum()
        assert row["dice"] == pytest.approx(2 * overlap / total if total else 1.0)
    assert (context.artifacts / "gallery" / "gallery.json").exists()


def test_the_two_resolutions_differ_where_the_network_is_smaller(
    shared_locations: Locations, tmp_path: Path
) -> None:
    context, _ = trial(tmp_path / "trial", shared_locations)
    rough = segment.run(config(image_size_px=16, epochs=4), context)
    assert rough["test/dice"] != rough["test/dice_net"]
    context, _ = trial(tmp_path / "other", shared_locations)
    exact = segment.run(config(image_size_px=64, epochs=1), context)
    assert exact["test/dice"] == pytest.approx(exact["test/dice_net"])


def test_only_what_trains_is_in_the_files_and_checkpoints(
    shared_locations: Locations, tmp_path: Path
) -> None:
    context, _ = trial(tmp_path / "trial", shared_locations)
    segment.run(config(), context)
    saved = load_file(context.artifacts / "model.safetensors")
    assert {name.split(".")[1] for name in saved} == {"mix", "film", "out"}
    found = context.resume()
    assert found is not None
    assert found[1]["model"].keys() == saved.keys()


def test_a_trained_network_comes_back_from_its_files(
    shared_locations: Locations, tmp_path: Path
) -> None:
    context, _ = trial(tmp_path / "trial", shared_locations)
    metrics = segment.run(config(), context)
    again, _ = trial(tmp_path / "again", shared_locations, inputs={"trained": context.artifacts})
    tested = segment_transfer.run(segment_transfer.Config(data=DATA, precision="fp32"), again)
    assert tested == pytest.approx(metrics)
    _, description = load_segmenter(context.artifacts, shared_locations)
    assert description.prompt == PromptConfig(type="p6")


def test_encoders_run_once_for_all_prompts_epochs_and_trials(
    locations: Locations, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    plain = TinyDecoding.encode_image

    def counting(self: TinyDecoding, pixels_nchw: torch.Tensor) -> tuple[torch.Tensor, ...]:
        seen.append(len(pixels_nchw))
        return plain(self, pixels_nchw)

    monkeypatch.setattr(TinyDecoding, "encode_image", counting)
    for name, prompt in (("first", "p1"), ("second", "p6"), ("third", "random")):
        context, _ = trial(tmp_path / name, locations)
        segment.run(config(prompt=PromptConfig(type=prompt)), context)
    assert sum(seen) == 3 * 12, "train, val and test, once each"


def test_shared_activations_change_nothing_but_rounding(
    shared_locations: Locations, tmp_path: Path
) -> None:
    outcomes = []
    for share in (True, False):
        context, reports = trial(tmp_path / str(share), shared_locations)
        final = segment.run(config(share_activations=share, epochs=3), context)
        outcomes.append([*reports, final])
    for shared, alone in zip(*outcomes, strict=True):
        assert shared == pytest.approx(alone, abs=1e-4)


def test_half_precision_is_kept_as_it_is_computed(
    shared_locations: Locations, tmp_path: Path
) -> None:
    outcomes = []
    for share in (True, False):
        context, reports = trial(tmp_path / str(share), shared_locations)
        segment.run(config(share_activations=share, precision="bf16"), context)
        outcomes.append(reports)
    for shared, alone in zip(*outcomes, strict=True):
        assert shared == pytest.approx(alone, abs=2e-2)


@pytest.mark.parametrize("train_mode", [True, False])
def test_dropout_of_a_frozen_text_encoder_is_drawn_each_step_where_it_is_published(
    shared_locations: Locations,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    train_mode: bool,
) -> None:
    modes: list[bool] = []

    class Dropping(TinyDecoding):
        def encode_text(self, tokens: object) -> torch.Tensor:
            modes.append(self.dropout.training)
            return super().encode_text(tokens)  # type: ignore[arg-type]

    def build(*_: object, **__: object) -> Dropping:
        torch.manual_seed(0)
        return Dropping(get_segmenter_card(FROZEN.card), dropout=0.5)

    monkeypatch.setattr(network_module, "build_segmenter", build)
    context, _ = trial(tmp_path / "trial", shared_locations, final=False)
    chosen = config(prompt=PromptConfig(type="p2", override=f"bleb {train_mode}"))
    chosen = replace(chosen, options=replace(chosen.options, encoder_train_mode=train_mode))
    segment.run(chosen, context)
    steps = 2 * 2  # of 12 cases, 8 at once, two epochs
    assert modes.count(True) == (steps if train_mode else 0)
    assert modes.count(False) >= 1, "validation reads without dropout"


def test_zero_shot_takes_no_step_and_leaves_no_network(
    shared_locations: Locations, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise AssertionError("a step was taken")

    monkeypatch.setattr(torch.optim.Optimizer, "__init__", fail)
    monkeypatch.setattr(torch.autograd, "backward", fail)
    context, reports = trial(tmp_path / "trial", shared_locations)
    chosen = segment_zero_shot.Config(segmenter=FROZEN, data=DATA, precision="fp32")
    metrics = segment_zero_shot.run(chosen, context)
    assert [set(report) for report in reports] == [{"val/dice", "val/iou", "val/cases"}]
    assert metrics["test/cases"] == 12
    assert {path.name for path in context.artifacts.iterdir()} == {"cases.parquet", "gallery"}


def test_zero_shot_reports_no_validation_of_a_set_that_is_only_tested_on(
    shared_locations: Locations, tmp_path: Path
) -> None:
    context, reports = trial(tmp_path / "trial", shared_locations)
    data = DataRef(name="etis_polyp_twin", limit=6)
    chosen = segment_zero_shot.Config(segmenter=FROZEN, data=data, precision="fp32")
    assert segment_zero_shot.run(chosen, context)["test/cases"] == 6
    assert reports == [{"val/cases": 0.0}]


def test_a_network_is_tested_on_another_set_with_its_own_prompts(
    shared_locations: Locations, tmp_path: Path
) -> None:
    first, reports = trial(tmp_path / "first", shared_locations)
    segment.run(config(prompt=PromptConfig(type="p2")), first)
    second, transferred = trial(
        tmp_path / "second", shared_locations, inputs={"trained": first.artifacts}
    )
    data = DataRef(name="etis_polyp_twin", limit=6)
    segment_transfer.run(segment_transfer.Config(data=data, precision="fp32"), second)
    assert transferred == [{"val/dice": max(r["val/dice"] for r in reports)}]
    images = load_split(data, "test", shared_locations)
    rows = pq.read_table(second.artifacts / "cases.parquet").to_pylist()
    assert all(r["prompt"] in images.prompts_of(i)["p2"] for i, r in enumerate(rows))


def test_one_network_for_each_class_scores_each_case_once(
    shared_locations: Locations, tmp_path: Path
) -> None:
    data = DataRef(name="busi_tumours_twin", limit=12)
    inputs, alone = {}, {}
    for name in ("benign", "malignant"):
        context, _ = trial(tmp_path / name, shared_locations)
        alone[name] = segment.run(config(data=data, classes=(name,)), context)
        inputs[name] = context.artifacts
    context, _ = trial(tmp_path / "both", shared_locations, inputs=inputs)
    both = segment_transfer.run(segment_transfer.Config(data=data, precision="fp32"), context)
    assert both["test/cases"] == sum(m["test/cases"] for m in alone.values()) == 12
    for name, metrics in alone.items():
        assert both[f"test/class/{name}/dice"] == pytest.approx(metrics["test/dice"])
    total = sum(m["test/dice"] * m["test/cases"] for m in alone.values())
    assert both["test/dice"] == pytest.approx(total / 12)


def test_cases_without_foreground_are_also_left_out(
    shared_locations: Locations, tmp_path: Path
) -> None:
    context, _ = trial(tmp_path / "trial", shared_locations)
    metrics = segment.run(config(data=DataRef(name="busi_twin", limit=18)), context)
    rows = pq.read_table(context.artifacts / "cases.parquet").to_pylist()
    kept = [row["dice"] for row in rows if not row["empty_target"]]
    assert metrics["test/empty_cases"] == 18 - len(kept) > 0
    assert metrics["test/dice_nonempty"] == pytest.approx(np.mean(kept))


def test_every_wording_can_be_scored_and_averaged(
    shared_locations: Locations, tmp_path: Path
) -> None:
    data = DataRef(name="camus_twin", limit=2)
    first, _ = trial(tmp_path / "first", shared_locations)
    chosen = config(data=data, prompt=PromptConfig(type="p2", at_evaluation="all"), epochs=1)
    together = segment.run(chosen, first)
    images = load_split(data, "test", shared_locations)
    wordings = {t for i in range(2) for t in range(len(images.prompts_of(i)["p2"]))}
    assert len(wordings) > 1
    rows = pq.read_table(first.artifacts / "cases.parquet").to_pylist()
    assert rows[0]["prompt"] == " | ".join(images.prompts_of(0)["p2"])
    scored = []
    for index in range(2):
        for text in images.prompts_of(index)["p2"]:
            context, _ = trial(
                tmp_path / f"{index}-{len(scored)}",
                shared_locations,
                inputs={"trained": first.artifacts},
            )
            told = PromptConfig(override=text)
            segment_transfer.run(
                segment_transfer.Config(data=data, prompt=told, precision="fp32"), context
            )
            found = pq.read_table(context.artifacts / "cases.parquet").to_pylist()
            scored.append((index, found[index]["dice"]))
    means = [np.mean([dice for i, dice in scored if i == index]) for index in range(2)]
    assert together["test/dice"] == pytest.approx(np.mean(means))


def test_an_override_reaches_every_case(shared_locations: Locations, tmp_path: Path) -> None:
    context, _ = trial(tmp_path / "trial", shared_locations)
    segment.run(config(prompt=PromptConfig(type="p99", override="that bleb")), context)
    rows = pq.read_table(context.artifacts / "cases.parquet").to_pylist()
    assert {row["prompt"] for row in rows} == {"that bleb"}


def test_a_part_of_the_training_cases_is_enough(
    shared_locations: Locations, tmp_path: Path
) -> None:
    context, reports = trial(tmp_path / "trial", shared_locations, final=False)
    segment.run(config(train_fraction=0.5), context)
    whole, other = trial(tmp_path / "whole", shared_locations, final=False)
    segment.run(config(), whole)
    assert reports != other


def test_a_loss_that_is_undefined_as_released_fails_the_trial(
    shared_locations: Locations, tmp_path: Path
) -> None:
    chosen = config(
        data=DataRef(name="busi_twin"),
        classes=("normal",),
        loss=LossConfig(name="tuned_dice", empty="nan"),
    )
    context, _ = trial(tmp_path / "trial", shared_locations)
    with pytest.raises(Exception, match="loss is nan"):
        segment.run(chosen, context)


def test_stops_early_by_dice(shared_locations: Locations, tmp_path: Path) -> None:
    context, reports = trial(tmp_path / "trial", shared_locations, final=False)
    still = config(
        epochs=30,
        optimizer=OptimizerConfig(lr=1e-12),
        early_stopping=EarlyStopping(patience=2, min_epochs=4),
    )
    segment.run(still, context)
    assert len(reports) == 4


def test_user_errors_say_what_to_do(shared_locations: Locations, tmp_path: Path) -> None:
    context, _ = trial(tmp_path / "trial", shared_locations)
    with pytest.raises(DatasetError, match="no prompt of type 'p77'"):
        segment.run(config(prompt=PromptConfig(type="p77")), context)
    with pytest.raises(ConfigError, match="has no class 'polyps'"):
        segment.run(config(classes=("polyps",)), context)
    with pytest.raises(ConfigError, match="neither an input 'trained'"):
        segment_transfer.run(segment_transfer.Config(data=DATA), context)
    empty, _ = trial(tmp_path / "empty", shared_locations, inputs={"trained": tmp_path})
    with pytest.raises(WeightsError, match="no trained segmenter"):
        segment_transfer.run(segment_transfer.Config(data=DATA), empty)


def test_search_trials_never_see_the_test(shared_locations: Locations, tmp_path: Path) -> None:
    context, _ = trial(tmp_path / "trial", shared_locations, final=False)
    assert segment.run(config(), context) == {}
    assert not any(context.artifacts.iterdir())
    with pytest.raises(SealedTestError):
        context.open_test()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mask_mode": "soft"}, "mask_mode"),
        ({"threshold": 1.0}, "threshold"),
        ({"train_fraction": 0.0}, "train_fraction"),
        ({"decay": "none"}, "decay"),
        ({"image_size_px": 0}, "image_size_px"),
        ({"channels": {"polyp": ("polyp",)}}, "channels must be empty"),
    ],
)
def test_impossible_configs_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        config(**changes)
