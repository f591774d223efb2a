"""Models put to use: from the files of a trial, and from a package of them and nothing else."""

from __future__ import annotations

import dataclasses
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image
from torch import Tensor

from trainables import align, bottleneck, classify, grounding, probe
from trainables.alignment.openclip_folder import save_aligned
from trainables.alignment.pair_model import create_pair_model
from trainables.alignment.similarity import similarities
from trainables.config import BackboneRef, DataRef
from trainables.context import Context, Locations
from trainables.data.open import load_split
from trainables.data.transforms import EvalTransform
from trainables.engine.config import OptimizerConfig
from trainables.errors import ConfigError, DatasetError, WeightsError
from trainables.head_training import HeadTraining
from trainables.predictors.inputs import model_inputs
from trainables.predictors.kinds import kind_of, require_kind
from trainables.predictors.package import package_files, picture_channels
from trainables.predictors.pictures import decode_picture
from trainables.predictors.predictor import Predictor, load_predictor

CNN = BackboneRef(card="resnet50_twin", weights="random")
CLIP = BackboneRef(card="clip_vit_b16_twin", weights="twin")
COLOUR, GREY = DataRef(name="uwaterloo_twin", limit=8), DataRef(name="ddsm_twin", limit=8)


@pytest.fixture
def context(tmp_path: Path, shared_locations: Locations) -> Context:
    return Context.local(tmp_path / "trial", shared_locations, seed=3)


@pytest.fixture
def alone(tmp_path: Path) -> Locations:
    """A machine that has none of the study: no data, no weights, an empty store."""
    empty = tmp_path / "empty"
    return Locations(data=empty / "data", weights=empty / "weights", store=empty / "store")


def packed(context: Context, tmp_path: Path, *others: Path) -> Path:
    """Copy what would be registered to a folder of its own, and take the rest away."""
    folder = tmp_path / "package"
    for name, file in package_files(context.artifacts, context.locations, others).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, folder / name)
    shutil.rmtree(context.artifacts)
    return folder


def png(picture_chw: Tensor) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture_chw.permute(1, 2, 0).contiguous().numpy()).save(file, "PNG")
    return file.getvalue()


def predicted(predictor: Predictor, folder: Path, data: DataRef, locations: Locations) -> Tensor:
    """Return what a predictor says of the test pictures, as files."""
    images = load_split(data, "test", locations)
    channels = picture_channels(folder)
    pictures = [decode_picture(png(images.image(k)), channels) for k in range(len(images))]
    scores = [predictor.predict(picture).scores for picture in pictures]
    assert all(tuple(row) == images.classes for row in scores)
    return torch.tensor([list(row.values()) for row in scores])


def written_logits(context: Context) -> Tensor:
    table = pq.read_table(context.artifacts / "predictions.parquet")
    return torch.tensor(table["logits"].to_pylist())


@pytest.mark.parametrize("data", [COLOUR, GREY], ids=["colour", "grey"])
def test_a_packed_probe_predicts_as_its_trial_did(
    data: DataRef, context: Context, tmp_path: Path, alone: Locations
) -> None:
    probe.run(probe.Config(backbone=CNN, data=data, image_size_px=32), context)
    expected = written_logits(context).softmax(dim=1)
    folder = packed(context, tmp_path)
    found = predicted(load_predictor(folder, alone), folder, data, context.locations)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)


def test_classes_that_exclude_nothing_have_probabilities_of_their_own(
    context: Context, tmp_path: Path, alone: Locations
) -> None:
    data = DataRef(name="chexpert_twin", limit=12)
    config = classify.Config(
        backbone=CNN,
        data=data,
        epochs=1,
        batch_size=8,
        image_size_px=32,
        channels="native",
        optimizer=OptimizerConfig(lr=1e-3),
    )
    classify.run(config, context)
    expected = written_logits(context).sigmoid()
    folder = packed(context, tmp_path)
    found = predicted(load_predictor(folder, alone), folder, data, context.locations)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)


def learned(context: Context, tmp_path: Path, clip: Path | None) -> None:
    """Run a bottleneck on grounding functions that another trial learned."""
    ground = Context.local(tmp_path / "ground", context.locations, seed=3)
    if clip is not None:
        ground.inputs = {"clip": clip}
    kept = grounding.Config(
        backbone=CLIP, data=DataRef(name="chexpert_twin"), knowledge=None, least_held_out=1
    )
    grounding.run(kept, ground)
    context.inputs = {**ground.inputs, "grounding": ground.artifacts}
    config = bottleneck.Config(
        backbone=CLIP,
        data=GREY,
        knowledge=None,
        prior_weight=0.0,
        training=HeadTraining(epochs=2, batch_size=8, lr=1e-1),
    )
    bottleneck.run(config, context)


def tuned(folder: Path, locations: Locations) -> Path:
    """Leave towers as a cell of ``align`` does."""
    folder.mkdir(parents=True)
    drawn = dataclasses.replace(CLIP, weights="random")
    model = create_pair_model(drawn, locations, seed=5, image_size_px=32)
    transform = EvalTransform(
        size_px=32, mean=(0.5, 0.4, 0.3), std=(0.25, 0.5, 0.4), resize="center_crop"
    )
    config = align.Config(backbone=CLIP, data=DataRef(name="isic_findings"))
    save_aligned(folder, model, transform, config, {})
    return folder


@pytest.mark.parametrize("with_clip", [False, True], ids=["card", "tuned towers"])
def test_a_packed_bottleneck_predicts_as_its_trial_did(
    with_clip: bool, context: Context, tmp_path: Path, alone: Locations
) -> None:
    clip = tuned(tmp_path / "clip", context.locations) if with_clip else None
    learned(context, tmp_path, clip)
    expected = written_logits(context).softmax(dim=1)
    folder = packed(context, tmp_path, tmp_path / "ground" / "artifacts", tmp_path / "clip")
    if clip is not None:
        shutil.rmtree(clip)
    found = predicted(load_predictor(folder, alone), folder, GREY, context.locations)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)


def test_a_bottleneck_without_its_towers_says_where_they_are(
    context: Context, tmp_path: Path, alone: Locations
) -> None:
    learned(context, tmp_path, tuned(tmp_path / "clip", context.locations))
    with pytest.raises(WeightsError, match="name the registered model"):
        load_predictor(context.artifacts, alone)
    with pytest.raises(WeightsError, match="no longer here"):
        package_files(context.artifacts, context.locations, [tmp_path / "ground"])


def test_tuned_towers_compare_as_their_folder_does(
    tmp_path: Path, shared_locations: Locations, alone: Locations
) -> None:
    folder = tuned(tmp_path / "clip", shared_locations)
    assert set(package_files(folder, shared_locations)) == {p.name for p in folder.iterdir()}
    images = load_split(COLOUR, "test", shared_locations)
    file = tmp_path / "one.png"
    file.write_bytes(png(images.image(0)))
    texts = ["a melanoma", "a harmless spot"]
    predictor = load_predictor(folder, alone)
    (expected,) = similarities(folder, [file], texts).tolist()
    found = predictor.predict(images.image(0), texts).scores
    assert list(found) == texts
    assert list(found.values()) == pytest.approx(expected, abs=1e-6)
    with pytest.raises(ConfigError, match="give at least one"):
        predictor.predict(images.image(0))


def test_a_model_that_reads_no_text_is_given_none(context: Context) -> None:
    probe.run(probe.Config(backbone=CNN, data=COLOUR, image_size_px=32), context)
    predictor = load_predictor(context.artifacts, context.locations)
    with pytest.raises(ConfigError, match="reads no text: leave out"):
        predictor.predict(torch.zeros(3, 8, 8, dtype=torch.uint8), ["a melanoma"])


def test_a_model_says_what_it_takes(context: Context) -> None:
    config = probe.Config(backbone=CNN, data=COLOUR, image_size_px=32, resize="pad")
    probe.run(config, context)
    inputs = model_inputs(context.artifacts, require_kind(context.artifacts))
    assert inputs.preprocessing["size_px"] == 32
    assert inputs.preprocessing["resize"] == "pad"
    assert inputs.classes == load_split(COLOUR, "test", context.locations).classes
    assert not inputs.reads_texts


def test_folders_without_a_model_are_told_apart(tmp_path: Path) -> None:
    assert kind_of(tmp_path) is None
    (tmp_path / "config.json").write_text(json.dumps({"transform": {}}))
    (tmp_path / "model.safetensors").write_bytes(b"")
    assert kind_of(tmp_path) is None
    with pytest.raises(WeightsError, match="no model that can predict"):
        require_kind(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(WeightsError, match="does not describe a model"):
        kind_of(tmp_path)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF"])
def test_pictures_in_bytes_are_decoded_whatever_their_kind(kind: str) -> None:
    pixels_hwc = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels_hwc).save(file, kind)
    assert (decode_picture(file.getvalue(), 3).permute(1, 2, 0).numpy() == pixels_hwc).all()


@pytest.mark.parametrize("content", [b"", b"no picture at all", b"GIF89a"])
def test_bytes_that_are_no_picture_are_refused(content: bytes) -> None:
    with pytest.raises(DatasetError, match="no picture of a kind that is read"):
        decode_picture(content, 3)
