"""The stand-in for four retinopathy sets: their domains, their imbalance, the missing grade."""

from __future__ import annotations

import numpy as np
import pytest
from test_fundus import LESIONS, grade

from trainables.config import DataRef
from trainables.context import Locations
from trainables.data.cards import get_data_card
from trainables.data.doctor import doctor
from trainables.data.image_set import ImageSet
from trainables.data.open import load_split
from trainables.data.twins.dr_twin import PICTURES, SOURCE
from trainables.data.twins.generated import read_table
from trainables.errors import DatasetError

CARD = get_data_card("dr_twin")


@pytest.fixture(scope="module")
def images(shared_locations: Locations) -> ImageSet:
    return load_split(DataRef(name="dr_twin"), "train", shared_locations)


def test_domains_have_the_imbalance_of_the_real_ones(images: ImageSet) -> None:
    real = get_data_card("dr").expected_classes
    for domain in CARD.domains:
        found = np.bincount(images.labels[images.domain_of == domain], minlength=5)
        present = np.array(real[domain]) > 0
        np.testing.assert_array_equal(found > 0, present)
        assert found[present].min() >= 6
        shares = np.array(real[domain]) / sum(real[domain])
        # One picture by rounding, and up to two that lift a rare grade to six.
        np.testing.assert_allclose(found, shares * found.sum(), atol=2.1)
    assert not PICTURES["messidor"][4]


def test_grades_follow_from_the_lesions_that_were_drawn(shared_locations: Locations) -> None:
    for domain in CARD.domains:
        table = read_table(SOURCE.chunk(CARD, "train", domain, shared_locations))
        for index, label in enumerate(table["label"]):
            assert grade({name: int(table[name][index]) for name in LESIONS}) == label


def test_domains_look_different_and_no_picture_occurs_twice(images: ImageSet) -> None:
    pixels_nchw = images.images(range(len(images))).numpy()
    assert len({picture.tobytes() for picture in pixels_nchw}) == 1000
    healthy = images.labels == 0
    colours = np.array(
        [pixels_nchw[healthy & (images.domain_of == d)].mean(axis=(0, 2, 3)) for d in CARD.domains]
    )
    apart = np.linalg.norm(colours[:, None] - colours[None], axis=-1)
    assert apart[~np.eye(4, dtype=bool)].min() > 5


def test_card_statistics_are_those_of_the_pictures(images: ImageSet) -> None:
    pixels_nchw = images.images(range(len(images))).numpy() / np.float32(255)
    assert CARD.mean is not None
    assert CARD.std is not None
    np.testing.assert_allclose(pixels_nchw.mean(axis=(0, 2, 3)), CARD.mean, atol=0.002)
    np.testing.assert_allclose(pixels_nchw.std(axis=(0, 2, 3)), CARD.std, atol=0.002)


def test_doctor_finds_nothing_wrong(shared_locations: Locations) -> None:
    assert doctor("dr_twin", shared_locations) == []


def test_there_is_nothing_but_training_pictures(shared_locations: Locations) -> None:
    with pytest.raises(DatasetError, match="dr_twin/test: no pictures"):
        load_split(DataRef(name="dr_twin"), "test", shared_locations)
