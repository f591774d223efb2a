"""Generated shapes, and sentences that are true of exactly the shapes under their mask."""

import numpy as np
import pytest

from trainables.data.twins.referring_shapes import TRAITS, draw_scenes, refer

N = 120


@pytest.fixture(scope="module")
def scenes():
    return draw_scenes(N, 64, seed=3)


@pytest.fixture(scope="module")
def sentences(scenes):
    return refer(scenes, seed=4)


def test_a_seed_decides_pictures_and_sentences(scenes, sentences):
    again, other = draw_scenes(N, 64, seed=3), draw_scenes(N, 64, seed=5)
    assert np.array_equal(scenes.pixels_nchw, again.pixels_nchw)
    assert not np.array_equal(scenes.pixels_nchw, other.pixels_nchw)
    assert refer(again, seed=4).texts == sentences.texts
    assert refer(again, seed=6).texts != sentences.texts


def test_pictures_hold_one_to_three_shapes(scenes):
    there_nm = scenes.traits["kind"] >= 0
    assert set(there_nm.sum(axis=1)) == {1, 2, 3}
    assert np.array_equal(scenes.masks_nmhw.any(axis=(2, 3)), there_nm)
    for name, values in TRAITS.items():
        assert set(scenes.traits[name][there_nm]) == set(range(values))


def test_no_pixel_belongs_to_two_shapes(scenes):
    assert scenes.masks_nmhw.sum(axis=1).max() == 1


def test_masks_lie_where_rows_and_columns_say(scenes):
    for picture, shape in np.argwhere(scenes.traits["kind"] >= 0):
        y, x = np.nonzero(scenes.masks_nmhw[picture, shape])
        assert (y.mean() > 31.5) == scenes.traits["row"][picture, shape]
        assert (x.mean() > 31.5) == scenes.traits["column"][picture, shape]


def test_larger_sizes_cover_more(scenes):
    areas_nm = scenes.masks_nmhw.sum(axis=(2, 3))
    medians = [np.median(areas_nm[scenes.traits["size"] == size]) for size in range(3)]
    assert medians[0] * 2 < medians[1]
    assert medians[1] * 1.8 < medians[2]


def test_a_mask_holds_every_shape_that_has_what_is_named_and_no_other(scenes, sentences):
    for picture in range(N):
        said = {name: int(v[picture]) for name, v in sentences.named.items() if v[picture] >= 0}
        expected = np.zeros((64, 64), dtype=bool)
        for shape, kind in enumerate(scenes.traits["kind"][picture]):
            fits = all(scenes.traits[name][picture, shape] == v for name, v in said.items())
            if kind >= 0 and fits:
                expected |= scenes.masks_nmhw[picture, shape]
        assert np.array_equal(sentences.masks_nhw[picture], expected)


def test_sentences_say_what_is_named(sentences):
    for text, row, column in zip(
        sentences.texts, sentences.named["row"], sentences.named["column"], strict=True
    ):
        assert any(w in text for w in ("upper", "top", "lower", "bottom")) == (row >= 0)
        if row >= 0:
            assert (("upper" in text) or ("top" in text)) == (row == 0)
            assert text.endswith("left" if column == 0 else "right")


def test_some_sentences_are_true_of_nothing_and_some_of_everything(scenes, sentences):
    empty = ~sentences.masks_nhw.any(axis=(1, 2))
    everything = (sentences.masks_nhw == scenes.masks_nmhw.any(axis=1)).all(axis=(1, 2))
    assert 0.02 < empty.mean() < 0.25
    assert 0.1 < everything.mean() < 0.6


def test_the_text_is_needed(scenes, sentences):
    """Whoever cuts out all shapes without reading scores well below one."""
    all_nhw = scenes.masks_nmhw.any(axis=1)
    asked = sentences.masks_nhw.any(axis=(1, 2))
    common = (all_nhw & sentences.masks_nhw).sum(axis=(1, 2))
    dice = 2 * common / (all_nhw.sum(axis=(1, 2)) + sentences.masks_nhw.sum(axis=(1, 2)))
    assert dice[asked].mean() < 0.8
