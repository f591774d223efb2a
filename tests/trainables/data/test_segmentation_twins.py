"""Twins for segmentation: pictures, masks and prompts agree, and the prompt is needed.

Axes: n pictures, h rows, w columns, c channels, d features.
"""

from __future__ import annotations

import importlib
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy import ndimage
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from trainables.config import DataRef
from trainables.context import Locations
from trainables.data.card import Split
from trainables.data.cards import get_data_card
from trainables.data.doctor import doctor
from trainables.data.open import load_split
from trainables.data.prompts import Prompts
from trainables.data.sets.segmentation_sets import BY_NAME
from trainables.data.twins import findings_twin, heart_twin, referring_twin
from trainables.data.twins.findings_prompts import FINDINGS
from trainables.data.twins.referring_prompts import SIZES, VOCABULARIES

Truth = dict[str, npt.NDArray[Any]]
REFERRING = list(referring_twin.PARAMETERS)
TWINS = [*REFERRING, *heart_twin.PARAMETERS, *findings_twin.PARAMETERS]
POLYPS = [name for name in REFERRING if "polyp" in name]


def source_of(name: str) -> Any:
    return importlib.import_module(f"trainables.data.{get_data_card(name).module}").SOURCE


@cache
def drawn(name: str, split: Split = "test") -> tuple[npt.NDArray[np.uint8], Truth]:
    """Return pixels and ground truth of a twin; what is drawn once serves all tests."""
    source = source_of(name)
    generate = importlib.import_module(f"trainables.data.{source.module}").generate
    pixels_nchw, truth = generate(source.parameters[name], name.removesuffix("_twin"), split)
    return pixels_nchw, dict(truth)


def prompts(name: str, split: Split = "test") -> list[Prompts]:
    _, truth = drawn(name, split)
    found: list[Prompts] = source_of(name).prompts({k: v for k, v in truth.items() if k != "mask"})
    return found


@pytest.mark.parametrize("name", TWINS)
def test_sizes_are_the_cards(name: str) -> None:
    card = get_data_card(name)
    pixels_nchw, truth = drawn(name)
    n = card.expected_counts["test"]
    assert pixels_nchw.shape == (n, card.channels, 64, 64)
    assert truth["mask"].shape == (n, 64, 64)
    assert set(np.unique(truth["mask"])) == {0, 255}
    assert {len(column) for column in truth.values()} == {n}
    assert set(truth["label"]) == set(range(len(card.classes)))


@pytest.mark.parametrize("name", ["busi_twin", "camus_twin", "chexlocalize_twin"])
def test_same_bytes_every_time(name: str) -> None:
    again_nchw, again = drawn.__wrapped__(name)
    pixels_nchw, truth = drawn(name)
    np.testing.assert_array_equal(again_nchw, pixels_nchw)
    for column, values in truth.items():
        np.testing.assert_array_equal(again[column], values)


@pytest.mark.parametrize("name", TWINS)
def test_prompt_types_and_wordings_are_as_many_as_in_the_set_it_stands_for(name: str) -> None:
    known = BY_NAME[name.removesuffix("_twin")]
    for asked in prompts(name):
        assert tuple(asked) == known.prompt_types
        assert asked["p0"] == ("",)
        numbers = [len(wordings) for wordings in asked.values()]
        if known.folder == "busi":
            assert numbers == [1, 1, 2, 2, 2, 2, 2] or set(numbers) == {1}
        elif known.folder == "camus":
            assert numbers == [1] + [2] * 7
        elif known.folder == "chexlocalize":
            assert set(numbers) == {1}
        else:
            assert numbers == [1] * 7 + [5] * 3


@pytest.mark.parametrize("name", REFERRING)
def test_mask_shows_as_many_structures_as_the_prompt_names_where_it_says(name: str) -> None:
    _, truth = drawn(name)
    words = ("top left", "top right", "bottom left", "bottom right")
    for row, asked in enumerate(prompts(name)):
        parts, number = ndimage.label(truth["mask"][row])
        assert number == truth["target_count"][row]
        if not number:
            continue
        centres_yx = ndimage.center_of_mass(parts > 0, parts, range(1, number + 1))
        found = {words[2 * (y > 31.5) + (x > 31.5)] for y, x in centres_yx}
        text = asked["p5" if name.startswith("busi") else "p6"][0]
        assert found == {word for word in words if word in text}
        assert ("two" in text) is (number == 2)


@pytest.mark.parametrize("name", ["kvasir_polyp_twin", "isic2016_twin", "dfu_twin", "busi_twin"])
def test_size_in_the_prompt_is_that_of_the_structures(name: str) -> None:
    _, truth = drawn(name, "train")
    one = truth["target_count"] == 1
    area = (truth["mask"][one] > 0).sum(axis=(1, 2))
    by_size = [area[truth["target_size"][one] == size] for size in range(len(SIZES))]
    assert by_size[0].max() < by_size[1].min()
    assert by_size[1].max() < by_size[2].min()
    for row, asked in enumerate(prompts(name, "train")):
        if truth["label"][row] != 2:
            assert SIZES[truth["target_size"][row]] in asked["p4"][0]


@pytest.mark.parametrize("name", POLYPS)
def test_text_blind_viewer_is_bounded_well_below_one(name: str) -> None:
    """The best expected Dice of any outline that does not depend on the prompt.

    Which of two groups is meant is a fair coin, so is nothing else than areas of use: of the two
    groups any shares x and y are outlined, and every mix of them is tried.
    """
    parameters = referring_twin.PARAMETERS[name]
    _, truth = drawn(name)
    target_px = (truth["mask"] > 0).sum(axis=(1, 2))
    x, y = np.meshgrid(np.linspace(0, 1, 11), np.linspace(0, 1, 11))
    shown, alone = 1 - parameters.absent, 1 - parameters.other
    best = []
    for a, b in zip(target_px, truth["other_px"], strict=True):
        if a and b:
            outlined = x * a + y * b
            dice = x * a / (outlined + a) + y * b / (outlined + b)
            best.append(dice.max())
        elif a or b:
            # It is the target, or the prompt names what is not there.
            is_target = shown * alone / (shown * alone + (1 - shown) * (1 - alone))
            best.append(max(is_target, 1 - is_target))
        else:
            best.append(1.0)
    assert 0.55 < np.mean(best) < 0.78


def test_every_structure_of_a_heart_is_asked_for_on_the_same_picture() -> None:
    pixels_nchw, truth = drawn("camus_twin")
    for first in range(0, len(pixels_nchw), 3):
        np.testing.assert_array_equal(pixels_nchw[first], pixels_nchw[first + 1])
        np.testing.assert_array_equal(pixels_nchw[first], pixels_nchw[first + 2])
        assert truth["label"][first : first + 3].tolist() == [0, 1, 2]
        masks_khw = truth["mask"][first : first + 3] > 0
        assert masks_khw.any(axis=(1, 2)).all()
        assert masks_khw.sum(axis=0).max() == 1


def test_every_finding_of_a_radiograph_is_asked_for_and_has_a_mask() -> None:
    pixels_nchw, truth = drawn("chexlocalize_twin", "train")
    assert (truth["mask"].max(axis=(1, 2)) == 255).all()
    by_picture: dict[bytes, list[int]] = {}
    for row, picture in enumerate(pixels_nchw):
        by_picture.setdefault(picture.tobytes(), []).append(row)
    rows = list(by_picture.values())
    # The last one may be cut off.
    for same in rows[:-1]:
        listed = {name for name in FINDINGS if truth[name][same[0]]}
        assert {FINDINGS[truth["label"][row]] for row in same} == listed
    assert max(len(same) for same in rows) > 3


def test_list_of_findings_is_in_the_last_prompts() -> None:
    _, truth = drawn("chexlocalize_twin")
    for row, asked in enumerate(prompts("chexlocalize_twin")):
        for name in FINDINGS:
            for kind in ("p5", "p6"):
                after = asked[kind][0].split(", with ")[1].split(", ")
                assert (name.replace("_", " ") in after) is bool(truth[name][row])


def test_normal_breasts_have_one_sentence_and_no_mask() -> None:
    _, truth = drawn("busi_twin", "train")
    for row, asked in enumerate(prompts("busi_twin", "train")):
        normal = truth["label"][row] == 2
        assert bool(truth["mask"][row].any()) is not bool(normal)
        texts = {text for kind in asked if kind != "p0" for text in asked[kind]}
        assert (len(texts) == 1) is bool(normal)


def pixel_features(pixels_nchw: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Return light, blurred light and place of every fourth pixel, (n, h, w, d)."""
    light_nchw = pixels_nchw / 255.0
    soft_nchw = ndimage.uniform_filter(light_nchw, (1, 1, 5, 5))
    steps = np.linspace(-1, 1, 64)
    n = len(light_nchw)
    place = np.broadcast_to(np.stack(np.meshgrid(steps, steps)), (n, 2, 64, 64))
    every = np.concatenate([light_nchw, soft_nchw, place], axis=1)
    return every[:, :, ::2, ::2].transpose(0, 2, 3, 1)


def probe_dice(name: str, column: str, *, told: bool) -> float:
    """Return the mean Dice on shown structures of a linear probe of single pixels.

    Args:
        column: of the ground truth, what the prompt tells.
        told: fit one probe for each of its values, or one for all.
    """
    scores = []
    (train_nchw, train), (test_nchw, test) = drawn(name, "train"), drawn(name)
    train_nhwd, test_nhwd = pixel_features(train_nchw), pixel_features(test_nchw)
    for value in np.unique(train[column]) if told else [None]:
        mine = np.ones(len(train_nchw), bool) if value is None else train[column] == value
        probe = make_pipeline(
            StandardScaler(), PolynomialFeatures(2), LogisticRegression(solver="newton-cholesky")
        )
        inside = train["mask"][mine][:, ::2, ::2] > 0
        step = max(1, int(mine.sum()) // 20)
        d = train_nhwd.shape[-1]
        probe.fit(train_nhwd[mine][::step].reshape(-1, d), inside[::step].ravel())
        rows = np.arange(len(test_nchw)) if value is None else np.flatnonzero(test[column] == value)
        for row in rows:
            truth_hw = test["mask"][row, ::2, ::2] > 0
            if truth_hw.any():
                chance = probe.predict_proba(test_nhwd[row].reshape(-1, d))[:, 1]
                found_hw = chance.reshape(truth_hw.shape) > 0.35
                both = (found_hw & truth_hw).sum()
                scores.append(2 * both / (found_hw.sum() + truth_hw.sum()))
    return float(np.mean(scores))


@pytest.mark.parametrize(
    ("name", "column"),
    [("kvasir_polyp_twin", "target_tone"), ("camus_twin", "label")],
)
def test_pixels_are_told_apart_by_what_the_prompt_tells(name: str, column: str) -> None:
    told, blind = probe_dice(name, column, told=True), probe_dice(name, column, told=False)
    assert told > 0.6
    assert told - blind > 0.2


@pytest.mark.parametrize("name", ["camus_twin", "chexlocalize_twin", "etis_polyp_twin"])
def test_doctor_finds_nothing_wrong(name: str, shared_locations: Locations) -> None:
    assert doctor(name, shared_locations) == []


def test_opened_twin_has_the_masks_and_prompts_that_were_drawn(
    shared_locations: Locations,
) -> None:
    cases = load_split(DataRef(name="dfu_twin"), "val", shared_locations)
    pixels_nchw, truth = drawn("dfu_twin", "val")
    for index, asked in enumerate(prompts("dfu_twin", "val")):
        np.testing.assert_array_equal(cases.image(index).numpy(), pixels_nchw[index])
        np.testing.assert_array_equal(cases.mask(index).numpy(), truth["mask"][index])
        assert cases.prompts_of(index) == asked
    turned = cases.subset([5, 2])
    assert turned.prompts_of(1) == cases.prompts_of(2)


def test_tones_of_two_groups_differ() -> None:
    for name in REFERRING:
        _, truth = drawn(name)
        both = truth["other_count"] > 0
        assert (truth["target_tone"] != truth["other_tone"])[both].all()
        tones = VOCABULARIES[referring_twin.PARAMETERS[name].scene].tones
        assert set(truth["target_tone"]) == set(range(len(tones)))
