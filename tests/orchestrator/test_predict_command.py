"""``xenograft predict``: what it prints, which models it finds, and how it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fake_events import new_store
from mlflow import MlflowClient
from PIL import Image
from typer.testing import CliRunner

from orchestrator.cli import app
from orchestrator.models.finding import find_model
from trainables.errors import ConfigError, DatasetError, SelectionError, TrackingError, WeightsError
from trainables.predictors import package, predictor
from trainables.predictors.predictor import NOTICE, Prediction

NAME = "grafts.transfer.imagenet"


class Halves:
    """Stands for a model: the share of red, or an outline of the upper half for each text."""

    quantity = "probability"
    reads_texts = False

    def predict(self, picture_chw: torch.Tensor, texts: tuple[str, ...] = ()) -> Prediction:
        predictor.refuse(texts)
        red = float(picture_chw[0].float().mean() / 255)
        return Prediction(scores={f"class {k}": red if k == 6 else red / 10 for k in range(8)})


class Upper(Halves):
    quantity = "share of the picture"
    reads_texts = True

    def predict(self, picture_chw: torch.Tensor, texts: tuple[str, ...] = ()) -> Prediction:
        mask_hw = torch.zeros(picture_chw.shape[1:], dtype=torch.bool)
        mask_hw[: len(mask_hw) // 2] = True
        return Prediction(scores=dict.fromkeys(texts, 0.5), masks_hw=dict.fromkeys(texts, mask_hw))


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(predictor, "load_predictor", lambda *_: Halves())
    monkeypatch.setattr(package, "picture_channels", lambda _: 3)
    (tmp_path / "model").mkdir()
    for name, red in {"half.png": 128, "full.png": 255}.items():
        pixels_hwc = np.zeros((40, 60, 3), dtype=np.uint8)
        pixels_hwc[..., 0] = red
        Image.fromarray(pixels_hwc).save(tmp_path / name)
    return tmp_path / "model"


def run(*arguments: str) -> Any:
    result = CliRunner().invoke(app, ["predict", *arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_prints_the_best_classes_first_and_what_it_is_not_for(model: Path) -> None:
    result = run(str(model), "half.png", "full.png")
    lines = [line.split() for line in result.stdout.splitlines()]
    assert lines[0] == ["picture", "class", "probability"]
    assert lines[1] == ["half.png", "class", "6", "0.5020"]
    assert len(lines) == 1 + 2 * 5
    assert NOTICE in result.stderr


def test_json_has_every_class_and_the_notice(model: Path) -> None:
    content = json.loads(run(str(model), "full.png", "--json").stdout)
    (prediction,) = content["predictions"]
    assert prediction["picture"] == "full.png"
    assert len(prediction["scores"]) == 8
    assert prediction["scores"]["class 6"] == pytest.approx(1)
    assert content["quantity"] == "probability"
    assert content["notice"] == NOTICE


def test_a_segmenter_leaves_an_outlined_picture_of_the_same_size_for_each_text(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predictor, "load_predictor", lambda *_: Upper())
    result = run(str(model), "full.png", "--prompt", "a polyp", "--text", "a/b", "--json")
    (prediction,) = json.loads(result.stdout)["predictions"]
    assert prediction["overlays"] == {
        "a polyp": "overlays/1-full-a_polyp.png", "a/b": "overlays/1-full-a_b.png"
    }  # fmt: skip
    drawn_hwc = np.asarray(Image.open(prediction["overlays"]["a polyp"]))
    assert drawn_hwc.shape == (40, 60, 3)
    changed = (drawn_hwc != [255, 0, 0]).any(axis=(1, 2))
    # The outline runs just below the upper half.
    assert changed.nonzero()[0].tolist() == [20, 21, 22, 23]


def test_a_file_that_is_no_picture_is_named_before_any_work(model: Path) -> None:
    Path("notes.png").write_text("no picture")
    with pytest.raises(DatasetError, match=r"notes\.png: cannot be read as a picture"):
        run(str(model), "full.png", "notes.png")
    with pytest.raises(DatasetError, match=r"absent\.png: there is no such file"):
        run(str(model), "absent.png")
    with pytest.raises(DatasetError, match=r"'\.doc' are not supported"):
        run(str(model), "letter.doc")


def test_without_a_picture_the_usage_is_shown(model: Path) -> None:
    result = run(str(model))
    assert result.exit_code == 2
    assert "PICTURE" in result.stderr


def test_texts_a_model_cannot_read_are_refused(model: Path) -> None:
    with pytest.raises(ConfigError, match="reads no text"):
        run(str(model), "full.png", "--text", "a polyp")


def test_a_folder_without_a_model_says_so(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no model that can predict"):
        run(str(tmp_path), "full.png")


@pytest.fixture
def store(tmp_path: Path) -> str:
    """A store with two versions of one model; the older one is the champion."""
    uri = new_store(tmp_path)
    client = MlflowClient(uri)
    client.create_registered_model(NAME)
    for k in (1, 2):
        folder = tmp_path / f"version {k}"
        folder.mkdir()
        client.create_model_version(NAME, folder.as_uri())
    client.set_registered_model_alias(NAME, "champion", "1")
    client.set_registered_model_alias(NAME, "newest", "2")
    return uri


@pytest.mark.parametrize(
    ("address", "version"),
    [
        (NAME, 1),
        (f"{NAME}@newest", 2),
        (f"{NAME}/2", 2),
        (f"models:/{NAME}", 1),
        (f"models:/{NAME}@champion", 1),
        (f"models:/{NAME}/2", 2),
    ],
)
def test_a_model_is_found_by_each_of_its_names(
    address: str, version: int, store: str, tmp_path: Path
) -> None:
    with find_model(address, store) as folder:
        assert folder == tmp_path / f"version {version}"


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("grafts.transfer.imagnet", f"no model 'grafts.transfer.imagnet'. Did you mean '{NAME}'"),
        (f"{NAME}@best", "no such version. Versions: 1, 2. Aliases: champion, newest."),
        (f"{NAME}/7", "no such version. Versions: 1, 2."),
        ("runs:/abc/model", "neither a folder nor a model"),
    ],
)
def test_an_unknown_model_is_answered_with_the_known_ones(
    address: str, message: str, store: str
) -> None:
    with pytest.raises(SelectionError) as raised, find_model(address, store):
        pass
    assert message in str(raised.value)


def test_a_store_without_models_and_no_store_say_so(tmp_path: Path) -> None:
    with (
        pytest.raises(TrackingError, match="there is no tracking store"),
        find_model(NAME, f"sqlite:///{tmp_path / 'none.db'}"),
    ):
        pass
    with pytest.raises(SelectionError, match="and no other"), find_model(NAME, new_store(tmp_path)):
        pass


def test_files_that_were_deleted_are_named(store: str, tmp_path: Path) -> None:
    (tmp_path / "version 1").rmdir()
    with (
        pytest.raises(TrackingError, match=r"are no longer at .*version 1"),
        find_model(NAME, store),
    ):
        pass
