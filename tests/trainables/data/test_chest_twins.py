"""Radiograph twins: classes and priors follow from what was drawn; the marker misleads."""

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
from trainables.data.sets.chexpert_findings import NO_FINDING
from trainables.data.sets.knobo_sets import KNOBO_SETS
from trainables.data.twins.chest_twin import CONCEPTS, CORPUS, PARAMETERS, answers
from trainables.data.twins.generated import GeneratedSource, read_table

CONFOUNDED = "nih_age_twin"
PLAIN = "open_i_twin"


def truth(name: str, split: Split, locations: Locations) -> dict[str, npt.NDArray[Any]]:
    card = get_data_card(name)
    source = source_of(card)
    assert isinstance(source, GeneratedSource)
    return read_table(source.chunk(card, split, card.domains[0], locations))


def test_every_radiograph_set_has_a_twin_of_the_same_confounder() -> None:
    xray = {f"{k.name}_twin": k.confounder for k in KNOBO_SETS if k.modality == "xray"}
    twins = {name: twin.confounder for name, twin in PARAMETERS.items() if name != CORPUS}
    assert twins == xray


def test_every_set_has_an_identity_of_its_own(locations: Locations) -> None:
    cards = [get_data_card(name) for name in PARAMETERS]
    assert len({source_of(card).status(card, locations).digest for card in cards}) == len(cards)


@pytest.mark.parametrize("name", [CONFOUNDED, PLAIN])
@pytest.mark.parametrize("split", SPLITS)
def test_a_picture_has_one_set_of_findings_of_its_class(
    name: str, split: Split, shared_locations: Locations
) -> None:
    table = truth(name, split, shared_locations)
    sets = list(PARAMETERS[name].classes.values())
    seen = [set[frozenset[str]]() for _ in sets]
    for row, label in enumerate(table["label"]):
        found = frozenset(concept for concept in CONCEPTS if table[concept][row])
        assert bool(table[NO_FINDING][row]) == (not found)
        seen[label].add(found)
    assert seen == [set(map(frozenset, of_class)) for of_class in sets]


@pytest.mark.parametrize("split", SPLITS)
def test_the_marker_is_drawn_and_goes_with_the_other_class_in_testing(
    split: Split, shared_locations: Locations
) -> None:
    table = truth(CONFOUNDED, split, shared_locations)
    images = load_split(DataRef(name=CONFOUNDED), split, shared_locations)
    corner = images.images(range(len(images))).numpy()[:, 0, 3:10, 3:10]
    np.testing.assert_array_equal((corner == 250).all(axis=(1, 2)), table["confounder"] == 1)
    agreement = np.mean(table["confounder"] == table["label"])
    assert abs(agreement - (0.1 if split == "test" else 0.9)) < 0.07
    assert not truth(PLAIN, split, shared_locations)["confounder"].any()


def test_the_confounder_costs_a_probe_its_accuracy(shared_locations: Locations) -> None:
    sets = {s: load_split(DataRef(name=CONFOUNDED), s, shared_locations) for s in SPLITS}
    pixels = {s: images.images(range(len(images))).numpy()[:, :1] for s, images in sets.items()}
    right = {
        split: np.mean(
            fitted_scores((pixels["train"], sets["train"].labels), pixels[split]).argmax(1)
            == sets[split].labels
        )
        for split in ("val", "test")
    }
    assert right["val"] > 0.8
    assert right["test"] < 0.5


def test_the_corpus_says_what_is_drawn_often_enough_to_learn_it(
    shared_locations: Locations,
) -> None:
    table = truth(CORPUS, "train", shared_locations)
    images = load_split(DataRef(name=CORPUS), "train", shared_locations)
    for row in range(0, len(images), 50):
        there = [concept.lower() for concept in CONCEPTS if table[concept][row]]
        assert list(images.captions_of(row)) == (there or ["no finding"])
    for concept in CONCEPTS:
        assert 100 <= table[concept].sum() <= len(images) - 100


def test_priors_are_the_findings_of_a_class() -> None:
    known = answers(PARAMETERS["vindr_cxr_twin"].classes)
    yes = {name: [c for c in CONCEPTS if of[c] == "yes"] for name, of in known.items()}
    assert yes["No finding"] == []
    assert yes["Nodule/Mass"] == ["Lung Lesion"]
    assert yes["Pulmonary fibrosis"] == ["Edema", "Atelectasis"]
    any_of_six = answers(PARAMETERS[CONFOUNDED].classes)
    assert sum(answer == "yes" for answer in any_of_six["Has Finding"].values()) == 6
    assert set(any_of_six["No Finding"].values()) == {"no"}
