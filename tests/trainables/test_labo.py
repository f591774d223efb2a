"""Bottlenecks of phrases: what is read, kept, written and refused."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from torch.nn import functional

from trainables import labo
from trainables.config import BackboneRef, DataRef
from trainables.context import Context, Locations
from trainables.data.class_phrases import phrase_files, phrases_of
from trainables.data.open import open_split
from trainables.engine.inputs import eval_transform
from trainables.errors import ConfigError, DatasetError
from trainables.features import frozen_features
from trainables.head_training import HeadTraining
from trainables.models.clip_text import create_clip_text

CLIP = BackboneRef(card="clip_vit_b16_twin", weights="twin")
DATA = DataRef(name="isic_sex_twin", limit=16)
CLASSES = ("benign", "malignant")


def config(**changes: Any) -> labo.Config:
    training = HeadTraining(epochs=2, batch_size=8, lr=1e-1)
    values = {"backbone": CLIP, "data": DATA, "per_class": 4, "training": training}
    return labo.Config(**{**values, **changes})


def test_written_weights_and_cosines_make_the_written_logits(
    shared_locations: Locations, tmp_path: Path
) -> None:
    context = Context.local(tmp_path, shared_locations, seed=1)
    metrics = labo.run(config(), context)
    assert {"test/accuracy", "chosen/accuracy", "chosen/epoch"} <= metrics.keys()
    written = json.loads((tmp_path / "artifacts/labo.json").read_text())["classes"]
    images = open_split(DATA, "test", context)
    feats = frozen_features(CLIP, images, eval_transform(CLIP, DATA, None), context)
    text = create_clip_text(CLIP, shared_locations, seed=0)
    logits = []
    for name in images.classes:
        rows = written[name]
        assert len(rows) == 8
        assert sum(row["weight"] for row in rows) == pytest.approx(1, abs=1e-5)
        assert [row["weight"] for row in rows] == sorted((r["weight"] for r in rows), reverse=True)
        said = text.encode_texts([row["phrase"] for row in rows])
        weight = torch.tensor([row["weight"] for row in rows])
        logits.append(100 * functional.normalize(feats) @ said.T @ weight)
    table = pq.read_table(context.artifacts / "predictions.parquet")["logits"].to_pylist()
    torch.testing.assert_close(torch.stack(logits, dim=1), torch.tensor(table), atol=2e-3, rtol=0)


def test_each_class_keeps_its_own_phrases(shared_locations: Locations, tmp_path: Path) -> None:
    labo.run(config(), Context.local(tmp_path, shared_locations, seed=1))
    rows = json.loads((tmp_path / "artifacts/labo.json").read_text())["classes"]["benign"]
    known = dict(zip(CLASSES, phrases_of(DATA.name, CLASSES, shared_locations), strict=True))
    for name in CLASSES:
        mine = [row["phrase"] for row in rows if row["of"] == name]
        assert len(mine) == 4
        assert set(mine) <= set(known[name])


def test_phrases_of_twins_say_what_reports_say(locations: Locations) -> None:
    benign, malignant = phrases_of("isic_sex_twin", CLASSES, locations)
    assert "blue-white veil" in malignant
    assert "no blue-white veil" in benign
    assert len(set(malignant)) == len(malignant)
    assert phrase_files("isic_sex_twin") == ()


def real(locations: Locations, content: object) -> None:
    folder = locations.data / "labo"
    folder.mkdir(parents=True)
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / "isic_sex.json").write_text(text, encoding="utf-8")


def test_phrases_of_a_real_set_are_read_in_the_order_of_its_classes(locations: Locations) -> None:
    real(locations, {"malignant": [" ragged ", "dark", "dark", ""], "benign": ["round"]})
    assert phrases_of("isic_sex", CLASSES, locations) == [("round",), ("ragged", "dark")]
    assert [file.place for file in phrase_files("isic_sex")] == ["labo/isic_sex.json"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (["round"], "must be an object"),
        ({"benign": ["round"]}, r"class 'malignant' must have a list .*the file has benign"),
        ({"benign": "round", "malignant": ["x"]}, "class 'benign' must have a list"),
        ({"benign": [1], "malignant": ["x"]}, "class 'benign' must have a list"),
        ({"benign": ["  "], "malignant": ["x"]}, "class 'benign' has no phrase"),
        ("{", "cannot be read as JSON"),
        ('{"benign": [], "benign": []}', "twice"),
    ],
)
def test_files_of_another_form_are_refused(
    content: object, message: str, locations: Locations
) -> None:
    real(locations, content)
    with pytest.raises(DatasetError, match=message):
        phrases_of("isic_sex", CLASSES, locations)


def test_an_absent_file_is_asked_for(locations: Locations) -> None:
    with pytest.raises(DatasetError, match=r"language model.*labo/isic_sex\.json"):
        phrases_of("isic_sex", CLASSES, locations)


def test_generated_sets_without_findings_are_refused(
    shared_locations: Locations, tmp_path: Path
) -> None:
    with pytest.raises(DatasetError, match="nothing is known of the concepts of 'ddsm_twin'"):
        labo.run(
            config(data=DataRef(name="ddsm_twin", limit=8)),
            Context.local(tmp_path, shared_locations),
        )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"per_class": 0}, "per_class"),
        ({"information_weight": -1.0}, "information_weight"),
        ({"coverage_weight": float("nan")}, "coverage_weight"),
        ({"image_size_px": 0}, "image_size_px"),
        ({"resize": "stretch"}, "resize"),
        ({"backbone": BackboneRef(card="resnet18_twin")}, "CLIP's kind"),
    ],
)
def test_settings_that_make_no_sense_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        config(**changes)


def test_the_defaults_are_those_of_labo() -> None:
    made = labo.Config(backbone=CLIP, data=DATA)
    assert (made.per_class, made.information_weight, made.coverage_weight) == (50, 1e7, 0.1)
    assert dataclasses.astuple(made.training)[1:3] == (256, 5e-4)
