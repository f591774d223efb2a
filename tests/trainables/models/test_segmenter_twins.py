"""Twins of segmenters are taught once per store, and the same everywhere."""

import shutil

import pytest
import torch

from trainables.config import BackboneRef
from trainables.data.artifact_store import ArtifactStore
from trainables.models import segmenter_twin_recipe
from trainables.models.segmenter_twin_recipe import Curriculum, Lesson
from trainables.models.segmenters.factory import build_segmenter
from trainables.models.weights import weights_status

TAUGHT = ["clipseg_twin", "cris_twin"]
taught = pytest.mark.parametrize("name", TAUGHT)


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
