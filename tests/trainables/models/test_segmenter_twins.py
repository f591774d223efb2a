"""Twins of segmenters are taught once per store, the same everywhere, and read what is asked."""

import shutil

import pytest
import torch
from torch import Tensor

from trainables.config import BackboneRef
from trainables.data.artifact_store import ArtifactStore
from trainables.data.twins.referring_shapes import Sentences, draw_scenes, refer
from trainables.models import segmenter_twin_recipe
from trainables.models.segmenter_twin_recipe import Curriculum, Lesson
from trainables.models.segmenters.factory import build_segmenter
from trainables.models.weights import weights_status

TAUGHT = ["clipseg_twin", "cris_twin"]
taught = pytest.mark.parametrize("name", TAUGHT)

# Read before the suite makes teaching hasty.
FULL = segmenter_twin_recipe.CURRICULUM


def ref(name: str) -> BackboneRef:
    return BackboneRef(card=name, weights="twin")


def builds(locations) -> int:
    return len(ArtifactStore(locations.store).builds("segmenter_twins"))


@taught
def test_status_is_known_without_teaching(locations, name):
    assert weights_status(ref(name), locations).digest
    assert builds(locations) == 0


@taught
def test_weights_are_taught_once_and_the_same_when_taught_again(locations, name):
    states = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        states += [build_segmenter(ref(name), locations, seed).state_dict() for seed in (1, 2)]
        assert torch.get_num_threads() == threads
        assert builds(locations) == 1
        shutil.rmtree(locations.store / "segmenter_twins")
    for other in states[1:]:
        assert all(torch.equal(other[key], states[0][key]) for key in states[0])


def test_the_words_of_clipseg_are_told_apart_after_a_moment(locations, monkeypatch):
    """Of the lessons, that of words is quick enough to be looked at in every run."""
    short = Lesson(steps=1, lr=1e-9, batch_size=5)
    words = Lesson(steps=80, lr=3e-3, batch_size=25)

    def spread(lesson: Lesson) -> float:
        curriculum = Curriculum(
            pictures=60, words=lesson, places=short, matching=short, masks=short
        )
        monkeypatch.setattr(segmenter_twin_recipe, "CURRICULUM", curriculum)
        model = build_segmenter(ref("clipseg_twin"), locations, 0).eval()
        same, other = (["a red disc", "one red box"], ["a blue disc", "one blue box"])
        one, two = (model.encode_text(model.tokenize(texts)) for texts in (same, other))
        between = float((one.mean(dim=0) - two.mean(dim=0)).norm())
        within = float((one[0] - one[1]).norm() + (two[0] - two[1]).norm()) / 2
        return between / within

    assert spread(words) > 1.3 * spread(short)


def mean_dice(model, pixels_nchw: Tensor, texts: tuple[str, ...], sentences: Sentences) -> float:
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


@pytest.mark.slow
@pytest.mark.timeout(600)
@taught
def test_twins_find_what_a_sentence_names_and_less_with_another_sentence(
    locations, monkeypatch, name
):
    monkeypatch.setattr(segmenter_twin_recipe, "CURRICULUM", FULL)
    model = build_segmenter(ref(name), locations, 0).eval()
    scenes = draw_scenes(200, model.card.image_size_px, seed=1)
    mean_c11, sd_c11 = (torch.tensor(v)[:, None, None] for v in (model.card.mean, model.card.std))
    pixels_nchw = (torch.from_numpy(scenes.pixels_nchw) / 255 - mean_c11) / sd_c11
    sentences = refer(scenes, seed=5)
    right = mean_dice(model, pixels_nchw, sentences.texts, sentences)
    shifted = (*sentences.texts[1:], sentences.texts[0])
    assert right > 0.45
    assert right - mean_dice(model, pixels_nchw, shifted, sentences) > 0.15
