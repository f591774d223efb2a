"""Twins of segmenters after all of their lessons: they read, and fine-tuning makes them better."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from trainables import segment, segment_zero_shot
from trainables.config import BackboneRef, DataRef
from trainables.context import Context, Locations
from trainables.data.twins.referring_shapes import Sentences, draw_scenes, refer
from trainables.engine.config import OptimizerConfig
from trainables.models import segmenter_twin_recipe
from trainables.models.segmenters.factory import build_segmenter
from trainables.models.segmenters.segmenter import Segmenter
from trainables.segmentation.config import PromptConfig

# Read before the suite makes teaching hasty.
FULL = segmenter_twin_recipe.CURRICULUM

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
RATES = {"clipseg_twin": 2e-3, "cris_twin": 1e-3}
"""Those of the study medvlsm on twins."""

taught = pytest.mark.parametrize("name", list(RATES))


@pytest.fixture(scope="module")
def taught_locations(tmp_path_factory: pytest.TempPathFactory) -> Locations:
    """One store for this file: teaching takes half a minute."""
    root = tmp_path_factory.mktemp("taught")
    return Locations(data=root / "data", weights=root / "weights", store=root / "store")


@pytest.fixture(autouse=True)
def _every_lesson(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segmenter_twin_recipe, "CURRICULUM", FULL)


def ref(name: str) -> BackboneRef:
    return BackboneRef(card=name, weights="twin")


def mean_dice(
    model: Segmenter, pixels_nchw: Tensor, texts: tuple[str, ...], sentences: Sentences
) -> float:
    """Return the mean over sentences that are true of something."""
    with torch.no_grad():
        logits = [
            model(pixels_nchw[i : i + 50], model.tokenize(texts[i : i + 50]))
            for i in range(0, len(texts), 50)
        ]
    found = torch.cat(logits)[:, 0].sigmoid() > model.card.threshold
    asked = torch.from_numpy(sentences.masks_nhw)
    there = asked.any(dim=2).any(dim=1)
    common = (found & asked).sum(dim=(1, 2))[there]
    return float((2 * common / (found.sum(dim=(1, 2)) + asked.sum(dim=(1, 2)))[there]).mean())


@taught
def test_twins_find_what_a_sentence_names_and_less_with_another_sentence(
    taught_locations: Locations, name: str
) -> None:
    model = build_segmenter(ref(name), taught_locations, 0).eval()
    scenes = draw_scenes(200, model.card.image_size_px, seed=1)
    mean_c11, sd_c11 = (torch.tensor(v)[:, None, None] for v in (model.card.mean, model.card.std))
    pixels_nchw = (torch.from_numpy(scenes.pixels_nchw) / 255 - mean_c11) / sd_c11
    sentences = refer(scenes, seed=5)
    right = mean_dice(model, pixels_nchw, sentences.texts, sentences)
    shifted = (*sentences.texts[1:], sentences.texts[0])
    assert right > 0.45
    assert right - mean_dice(model, pixels_nchw, shifted, sentences) > 0.15


@taught
def test_twins_that_are_fine_tuned_find_more_than_untrained_ones_and_still_read(
    taught_locations: Locations, tmp_path: Path, name: str
) -> None:
    data, prompt = DataRef(name="kvasir_polyp_twin"), PromptConfig(type="p6")

    def context(folder: str) -> Context:
        return Context.local(tmp_path / folder, taught_locations)

    untrained = segment_zero_shot.Config(
        segmenter=ref(name), data=data, prompt=prompt, batch_size=16, precision="fp32"
    )
    tuned = segment.Config(
        segmenter=ref(name), data=data, prompt=prompt, batch_size=16, precision="fp32", epochs=3,
        optimizer=OptimizerConfig(lr=RATES[name], weight_decay=1e-3),
    )  # fmt: skip
    before = segment_zero_shot.run(untrained, context("untrained"))
    after = segment.run(tuned, context("tuned"))
    assert after["test/dice"] > before["test/dice"] + 0.05
    assert after["test/dice_net"] > after["test/dice_net_shuffled"] + 0.15
