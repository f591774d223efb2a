"""The twins: labels follow from what was drawn, bytes from identity, difficulty stays in a band."""

from __future__ import annotations

import dataclasses
import importlib
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.metrics import recall_score, roc_auc_score
from twin_probe import fitted_scores

from trainables.config import DataRef
from trainables.context import Locations
from trainables.data.card import SPLITS, Split
from trainables.data.cards import get_data_card, source_of
from trainables.data.doctor import doctor
from trainables.data.image_set import ImageSet
from trainables.data.open import load_split
from trainables.data.sets.chexpert_findings import FINDINGS
from trainables.data.twins.chexpert_twin import WIDE_HEART, WIDE_MEDIASTINUM
from trainables.data.twins.generated import GeneratedSource, read_table
from trainables.data.twins.isic2019_twin import MALIGNANT_SCORE

MEDICAL = ("isic2019_twin", "ddsm_twin", "chexpert_twin", "camelyon_twin")
TWINS = (*MEDICAL, "imagenet_twin")
Table = dict[str, npt.NDArray[Any]]


def opened(name: str, split: Split, locations: Locations) -> ImageSet:
    return load_split(DataRef(name=name), split, locations)


def truth(name: str, split: Split, locations: Locations) -> Table:
    card = get_data_card(name)
    source = source_of(card)
    assert isinstance(source, GeneratedSource)
    return read_table(source.chunk(card, split, card.domains[0], locations))


def pixels(image_set: ImageSet) -> npt.NDArray[np.uint8]:
    """Return (n, c, h, w) with as many channels as the card says."""
    batch_nchw: npt.NDArray[np.uint8] = image_set.images(range(len(image_set))).numpy()
    return batch_nchw[:, : get_data_card(image_set.name).channels]


def diagnosis(row: dict[str, int]) -> str:
    """Name the lesion from its signs, as a reader would."""
    signs = {
        "lacunae": "Vascular lesion",
        "scar": "Dermatofibroma",
        "keratin": "Squamous cell carcinoma",
        "follicles": "Actinic keratosis",
        "vessels": "Basal cell carcinoma",
        "cysts": "Benign keratosis",
    }
    for sign, name in signs.items():
        if row[sign]:
            return name
    score = row["asymmetry"] + row["border"] + row["colours"] + 2 * row["veil"]
    return "Melanoma" if score >= MALIGNANT_SCORE else "Melanocytic nevus"


@pytest.mark.parametrize("split", SPLITS)
def test_lesions_are_named_by_their_signs(split: Split, shared_locations: Locations) -> None:
    table = truth("isic2019_twin", split, shared_locations)
    classes = get_data_card("isic2019_twin").classes
    signs = ("vessels", "follicles", "cysts", "scar", "lacunae", "keratin")
    for index, label in enumerate(table["label"]):
        row = {name: int(column[index]) for name, column in table.items()}
        assert diagnosis(row) == classes[label], row
        assert sum(row[sign] > 0 for sign in signs) <= 1
        assert all(0 <= row[grade] <= 3 for grade in ("asymmetry", "border", "colours"))


@pytest.mark.parametrize("split", SPLITS)
def test_breasts_are_abnormal_when_something_is_found(
    split: Split, shared_locations: Locations
) -> None:
    table = truth("ddsm_twin", split, shared_locations)
    np.testing.assert_array_equal(table["label"], (table["masses"] + table["clusters"]) > 0)


@pytest.mark.parametrize("split", SPLITS)
def test_tissue_is_judged_by_its_middle(split: Split, shared_locations: Locations) -> None:
    table = truth("camelyon_twin", split, shared_locations)
    np.testing.assert_array_equal(table["label"], table["tumour_centre"] > 0)
    # Tumour at the rim alone does not count, so it must occur.
    assert (table["tumour_rim"][table["label"] == 0] > 0).any()


@pytest.mark.parametrize("split", SPLITS)
def test_chests_have_the_findings_of_their_causes(
    split: Split, shared_locations: Locations
) -> None:
    table = truth("chexpert_twin", split, shared_locations)
    seen = {
        "Enlarged Cardiomediastinum": table["mediastinum_ratio"] > WIDE_MEDIASTINUM,
        "Cardiomegaly": table["heart_ratio"] > WIDE_HEART,
        "Lung Opacity": table["opacities"] > 0,
        "Lung Lesion": table["nodules"] > 0,
        "Edema": table["edema"] > 0,
        "Consolidation": table["consolidations"] > 0,
        "Pneumonia": table["pneumonias"] > 0,
        "Atelectasis": table["plates"] > 0,
        "Pneumothorax": table["pneumothorax"] > 0,
        "Pleural Effusion": table["effusion"] > 0,
        "Pleural Other": table["thickening"] > 0,
        "Fracture": table["fractures"] > 0,
        "Support Devices": table["devices"] > 0,
    }
    assert set(seen) == set(FINDINGS[1:])
    for finding, present in seen.items():
        np.testing.assert_array_equal(table[finding], present, err_msg=finding)
    np.testing.assert_array_equal(table["No Finding"], ~np.any(list(seen.values()), axis=0))


def test_findings_occur_together_as_diseases_bring_them(shared_locations: Locations) -> None:
    labels = opened("chexpert_twin", "train", shared_locations).labels
    together = np.corrcoef(labels[:, 1:], rowvar=False)
    at = {name: k for k, name in enumerate(FINDINGS[1:])}
    assert together[at["Cardiomegaly"], at["Edema"]] > 0.2
    assert together[at["Consolidation"], at["Pneumonia"]] > 0.2
    assert together[at["Edema"], at["Pleural Effusion"]] > 0.2
    assert abs(together[at["Fracture"], at["Edema"]]) < 0.15


@pytest.mark.parametrize("name", TWINS)
def test_every_split_has_every_class_and_no_picture_twice(
    name: str, shared_locations: Locations
) -> None:
    card = get_data_card(name)
    seen = set[bytes]()
    for split in SPLITS:
        image_set = opened(name, split, shared_locations)
        batch_nchw = pixels(image_set)
        assert len(batch_nchw) == card.expected_counts[split]
        if card.task == "multiclass":
            present = np.bincount(image_set.labels, minlength=len(card.classes))
        else:
            present = image_set.labels.sum(axis=0)
        assert present.min() >= 4
        seen |= {picture.tobytes() for picture in batch_nchw}
    assert len(seen) == sum(card.expected_counts.values())


@pytest.mark.parametrize("name", MEDICAL)
def test_doctor_finds_nothing_wrong(name: str, shared_locations: Locations) -> None:
    assert doctor(name, shared_locations) == []


@pytest.mark.parametrize("name", TWINS)
def test_card_statistics_and_channels_are_those_of_the_pictures(
    name: str, shared_locations: Locations
) -> None:
    card = get_data_card(name)
    folder = source_of(card).chunk(card, "train", card.domains[0], shared_locations)  # type: ignore[attr-defined]
    stored_nchw = np.load(folder / "pixels.npy")
    assert stored_nchw.shape[1:] == (card.channels, 64, 64)
    light_nchw = np.broadcast_to(stored_nchw, (len(stored_nchw), 3, 64, 64)) / np.float32(255)
    assert card.mean is not None
    assert card.std is not None
    np.testing.assert_allclose(light_nchw.mean(axis=(0, 2, 3)), card.mean, atol=0.002)
    np.testing.assert_allclose(light_nchw.std(axis=(0, 2, 3)), card.std, atol=0.002)


@pytest.mark.parametrize("name", TWINS)
def test_bytes_depend_on_parameters_and_split_only(name: str) -> None:
    source = source_of(get_data_card(name))
    assert isinstance(source, GeneratedSource)
    generate = importlib.import_module(f"trainables.data.{source.module}").generate
    small = dataclasses.replace(
        source.parameters[name], counts={"train": 60, "val": 55, "test": 55}
    )
    first, table = generate(small, "x", "val")
    np.random.default_rng().random(10)
    other, _ = generate(small, "x", "test")
    again, same_table = generate(small, "x", "val")
    np.testing.assert_array_equal(first, again)
    for column, values in table.items():
        np.testing.assert_array_equal(values, same_table[column])
    assert not (first == other).all(axis=(1, 2, 3)).any()


@pytest.mark.parametrize("name", TWINS)
def test_larger_pictures_show_the_same_things(name: str) -> None:
    source = source_of(get_data_card(name))
    assert isinstance(source, GeneratedSource)
    generate = importlib.import_module(f"trainables.data.{source.module}").generate
    counts = {"train": 20, "val": 20, "test": 20}
    small, large = (
        generate(
            dataclasses.replace(source.parameters[name], counts=counts, size_px=px), "x", "val"
        )
        for px in (64, 128)
    )
    assert large[0].shape[2:] == (128, 128)
    np.testing.assert_array_equal(
        *(table.get("label", table.get("No Finding")) for _, table in (small, large))
    )
    # The generators draw noise per pixel last in a batch, so pictures are near but not equal.
    assert abs(small[0].mean() - large[0].mean()) < 12


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [
        ("isic2019_twin", 0.35, 0.75),  # macro recall, chance 0.125
        ("imagenet_twin", 0.25, 0.60),  # macro recall, chance 0.1
        ("ddsm_twin", 0.70, 0.95),  # area under the curve, chance 0.5
        ("camelyon_twin", 0.75, 0.97),  # area under the curve, chance 0.5
        ("chexpert_twin", 0.72, 0.93),  # mean area under the curve, chance 0.5
    ],
)
def test_difficulty_for_a_cheap_probe_stays_in_a_band(
    name: str, least: float, most: float, shared_locations: Locations
) -> None:
    train = load_split(DataRef(name=name, limit=600), "train", shared_locations)
    test = opened(name, "test", shared_locations)
    scores = fitted_scores((pixels(train), train.labels), pixels(test))
    if train.labels.ndim == 2:
        areas = roc_auc_score(test.labels, scores, average=None)
        assert areas.min() > 0.55, dict(zip(FINDINGS, areas, strict=True))
        reached = areas.mean()
    elif scores.shape[1] == 2:
        reached = roc_auc_score(test.labels, scores[:, 1])
    else:
        reached = recall_score(test.labels, scores.argmax(axis=1), average="macro")
    assert least < reached < most
