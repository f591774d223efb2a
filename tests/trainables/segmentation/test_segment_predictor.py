"""Trained segmenters put to use on one picture at a time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_networks import DATA, config, trial

from trainables import segment
from trainables.config import BackboneRef
from trainables.context import Locations
from trainables.data.open import load_split
from trainables.errors import ConfigError
from trainables.predictors.inputs import model_inputs
from trainables.predictors.package import package_files
from trainables.predictors.predictor import load_predictor
from trainables.segmentation.config import PromptConfig

pytestmark = pytest.mark.usefixtures("tiny")

PROMPT = "a polyp on the left"


def written_mask(folder: Path, case: str) -> np.ndarray:
    return np.asarray(Image.open(folder / "masks" / f"{case}.png")) > 0


def test_outlines_what_the_trial_outlined(shared_locations: Locations, tmp_path: Path) -> None:
    context, _ = trial(tmp_path / "trial", shared_locations)
    segment.run(config(masks=True, prompt=PromptConfig(override=PROMPT)), context)
    predictor = load_predictor(context.artifacts, shared_locations)
    images = load_split(DATA, "test", shared_locations)
    for k, case in enumerate(images.ids.tolist()):
        found = predictor.predict(images.image(k), [PROMPT, "something else"])
        expected = written_mask(context.artifacts, case)
        assert (found.masks_hw[PROMPT].numpy() == expected).all()
        assert found.scores[PROMPT] == pytest.approx(expected.mean())
    assert predictor.quantity == "share of the picture"


def test_a_network_without_texts_outlines_its_channels(
    shared_locations: Locations, tmp_path: Path
) -> None:
    context, _ = trial(tmp_path / "trial", shared_locations)
    cnn = BackboneRef(card="unet_twin", weights="twin")
    segment.run(config(segmenter=cnn, masks=True), context)
    predictor = load_predictor(context.artifacts, shared_locations)
    images = load_split(DATA, "test", shared_locations)
    found = predictor.predict(images.image(0))
    assert list(found.scores) == ["structure"]
    expected = written_mask(context.artifacts, str(images.ids[0]))
    assert (found.masks_hw["structure"].numpy() == expected).all()
    with pytest.raises(ConfigError, match="reads no text"):
        predictor.predict(images.image(0), [PROMPT])


def test_a_network_that_reads_texts_needs_one(shared_locations: Locations, tmp_path: Path) -> None:
    context, _ = trial(tmp_path / "trial", shared_locations)
    segment.run(config(epochs=1), context)
    inputs = model_inputs(context.artifacts, "segmenter")
    assert inputs.reads_texts
    assert inputs.preprocessing["size_px"] == 32
    assert set(package_files(context.artifacts, shared_locations)) == {
        "config.json", "model.safetensors"
    }  # fmt: skip
    predictor = load_predictor(context.artifacts, shared_locations)
    with pytest.raises(ConfigError, match="outlines what a text asks for"):
        predictor.predict(load_split(DATA, "test", shared_locations).image(0))
