"""Skin twins: classes, captions and priors follow from what was drawn; the confounder misleads."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from twin_probe import fitted_scores

from trainables.config import DataRef
from trainables.context import Locations
from trainables.data.card import SPLITS, Split
from trainables.data.cards import get_data_card, source_of
from trainables.data.open import load_split
from trainables.data.sets.knobo_sets import KNOBO_SETS
from trainables.data.twins.generated import GeneratedSource, read_table
from trainables.data.twins.isic2019_twin import MALIGNANT_SCORE
from trainables.data.twins.lesion_concepts import CONCEPTS, DIAGNOSES, answers
from trainables.data.twins.lesion_twin import CORPUS, PARAMETERS

SMALL = "uwaterloo_twin"
CONFOUNDED = "isic_hospital_twin"


def truth(name: str, split: Split, locations: Locations) -> dict[str, npt.NDArray[Any]]:
    card = get_data_card(name)
    source = source_of(card)
    assert isinstance(source, GeneratedSource)
    return read_table(source.chunk(card, split, card.domains[0], locations))


def test_every_skin_set_has_a_twin_of_the_same_confounder() -> None:
    skin = {f"{k.name}_twin": k.confounder for k in KNOBO_SETS if k.modality == "skin"}
    assert {name: PARAMETERS[name].confounder for name in skin} == skin


def test_every_set_has_an_identity_of_its_own(locations: Locations) -> None:
    cards = [get_data_card(name) for name in PARAMETERS]
    assert len({source_of(card).status(card, locations).digest for card in cards}) == len(cards)


@pytest.mark.parametrize("name", [SMALL, CONFOUNDED])
@pytest.mark.parametrize("split", SPLITS)
def test_classes_are_made_of_their_diagnoses(
    name: str, split: Split, shared_locations: Locations
) -> None:
    table = truth(name, split, shared_locations)
    parameters, classes = PARAMETERS[name], get_data_card(name).classes
    assert len(table["label"]) == parameters.counts[split]
    drawn: dict[str, set[str]] = {name: set() for name in classes}
    for label, diagnosis in zip(table["label"], table["diagnosis"], strict=True):
        drawn[classes[label]].add(DIAGNOSES[diagnosis])
    assert drawn == {name: set(named) for name, named in parameters.classes.items()}


def test_melanoma_is_told_from_naevus_by_its_score(shared_locations: Locations) -> None:
    table = truth(SMALL, "train", shared_locations)
    score = table["asymmetry"] + table["border"] + table["colours"] + 2 * table["veil"]
    np.testing.assert_array_equal(table["label"] == 0, score >= MALIGNANT_SCORE)


def said_of(row: dict[str, int]) -> list[str]:
    """Write the findings of a lesion by hand."""
    said = [
        "asymmetric shape" if row["asymmetry"] > 1 else "symmetric shape",
        "ragged border" if row["border"] > 1 else "smooth border",
        "several colours" if row["colours"] > 1 else "even colour",
    ]
    signs = {
        "veil": "blue-white veil",
        "network": "pigment network",
        "vessels": "branching vessels",
        "follicles": "pale follicular openings",
        "cysts": "milia-like cysts",
        "scar": "central white scar-like patch",
        "lacunae": "red-purple lacunae",
        "keratin": "white masses of keratin",
    }
    said += [text for sign, text in signs.items() if row[sign]]
    return said + ["many dark globules"] * (row["globules"] > 3)


def test_captions_say_what_was_drawn(shared_locations: Locations) -> None:
    images = load_split(DataRef(name=CONFOUNDED), "val", shared_locations)
    table = truth(CONFOUNDED, "val", shared_locations)
    for index in range(len(images)):
        row = {name: int(column[index]) for name, column in table.items()}
        assert sorted(images.captions_of(index)) == sorted(said_of(row))
    # Captions stay with their pictures in a part of the set.
    part = images.subset([7, 3])
    assert [part.captions_of(i) for i in (0, 1)] == [images.captions_of(i) for i in (7, 3)]


@pytest.mark.parametrize(
    ("split", "least", "most"), [("train", 0.85, 0.95), ("val", 0.83, 0.97), ("test", 0.03, 0.17)]
)
def test_the_light_goes_with_the_other_class_in_testing(
    split: Split, least: float, most: float, shared_locations: Locations
) -> None:
    table = truth(CONFOUNDED, split, shared_locations)
    assert least < np.mean(table["confounder"] == table["label"]) < most
    assert not truth(SMALL, split, shared_locations)["confounder"].any()


def test_the_confounder_costs_a_probe_its_accuracy(shared_locations: Locations) -> None:
    sets = {s: load_split(DataRef(name=CONFOUNDED), s, shared_locations) for s in SPLITS}
    pixels = {s: images.images(range(len(images))).numpy() for s, images in sets.items()}
    right = {
        split: np.mean(
            fitted_scores((pixels["train"], sets["train"].labels), pixels[split]).argmax(1)
            == sets[split].labels
        )
        for split in ("val", "test")
    }
    assert right["val"] > 0.8
    assert right["test"] < 0.45


def test_priors_name_what_the_diagnoses_of_a_class_show(shared_locations: Locations) -> None:
    table = truth(CORPUS, "train", shared_locations)
    classes = PARAMETERS[CORPUS].classes
    known = answers(classes)
    for concept in CONCEPTS:
        shown = concept.answer(table)
        rates = {
            name: float(shown[table["label"] == label].mean()) for label, name in enumerate(classes)
        }
        yes = {name for name in classes if known[name][concept.question] == "yes"}
        assert yes
        assert min(rates[name] for name in yes) > 1.4 * max(
            rates[name] for name in set(classes) - yes
        ), (concept.question, rates)


def test_a_class_of_several_diagnoses_shows_what_any_of_them_does() -> None:
    known = answers({"both": ("BCC", "SCC"), "one": ("BCC",), "other": ("SCC",)})
    for concept in CONCEPTS:
        either = "yes" in (known["one"][concept.question], known["other"][concept.question])
        assert (known["both"][concept.question] == "yes") == either


def test_most_findings_are_frequent_enough_to_be_learned(shared_locations: Locations) -> None:
    table = truth(CORPUS, "train", shared_locations)
    sizes = [int(concept.answer(table).sum()) for concept in CONCEPTS]
    assert min(sizes) >= 100, sizes
    assert max(sizes) <= len(table["label"]) - 100
