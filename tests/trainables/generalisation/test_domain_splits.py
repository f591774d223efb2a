"""Parts of domains against the seeds and label counts of DomainBed's own split."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from trainables.config import DataRef
from trainables.context import Context, Locations
from trainables.errors import DatasetError
from trainables.generalisation.splits import in_out_split, open_domains, seed_hash

GRADES = {
    "aptos": (1805, 370, 999, 193, 295),
    "eyepacs": (65343, 6205, 13153, 2087, 1914),
    "messidor": (546, 153, 247, 254, 0),
    "messidor_2": (1017, 270, 347, 75, 35),
}
# Trial -> environment -> seed, and labels of the in part, as the released code draws them.
PUBLISHED = {
    0: {
        0: (894182419, (1446, 288, 784, 156, 256)),
        1: (1514274641, (52271, 4979, 10523, 1654, 1535)),
        2: (1325548499, (430, 132, 191, 207, 0)),
        3: (1796103049, (801, 227, 278, 60, 30)),
    },
    1: {
        0: (785910682, (1442, 304, 810, 148, 226)),
        1: (1442673865, (52247, 4973, 10534, 1660, 1548)),
        2: (1981683110, (434, 132, 195, 199, 0)),
        3: (1739848239, (812, 228, 275, 59, 22)),
    },
    2: {
        0: (472130416, (1445, 299, 797, 147, 242)),
        1: (181139023, (52288, 4956, 10544, 1641, 1533)),
        2: (248334461, (426, 121, 200, 213, 0)),
        3: (1709828778, (821, 210, 279, 61, 25)),
    },
}


@pytest.mark.parametrize("trial", PUBLISHED)
@pytest.mark.parametrize("environment", range(4))
def test_seeds_and_label_counts_are_those_of_the_released_code(
    trial: int, environment: int
) -> None:
    seed, counts = PUBLISHED[trial][environment]
    assert seed_hash(trial, environment) == seed
    grades = list(GRADES.values())[environment]
    labels = np.repeat(np.arange(5), grades)
    inside, _ = in_out_split(len(labels), 0.2, seed)
    assert tuple(np.bincount(labels[inside], minlength=5)) == counts


def test_seeds_of_runs_are_those_of_the_released_logs() -> None:
    method = "Clip_train_prompt_from_image_v2"
    assert seed_hash("DR", method, [0], 0, 0) == 1188160076
    assert seed_hash("DR", method, [3], 0, 2) == 1283554980


def test_parts_are_the_whole_and_their_sizes_are_rounded_down() -> None:
    inside, outside = in_out_split(1744, 0.2, 7)
    assert (len(inside), len(outside)) == (1396, 348)
    assert sorted([*inside, *outside]) == list(range(1744))


def test_domains_are_parted_in_the_order_of_classes_then_names(
    shared_locations: Locations,
) -> None:
    context = _context(shared_locations, replicate=1)
    opened = open_domains(DataRef(name="fundus"), ["camera_1"], 0.2, context)
    [domain] = opened.parts
    assert domain.environment == 1
    images = opened.images
    rows = sorted(range(len(images)), key=lambda i: (images.labels[i], images.ids[i]))
    order = list(range(len(rows)))
    np.random.RandomState(seed_hash(1, 1)).shuffle(order)
    assert domain.outside.tolist() == [rows[i] for i in order[:80]]
    assert domain.inside.tolist() == [rows[i] for i in order[80:]]


def test_a_domain_is_parted_the_same_way_whatever_else_is_opened(
    shared_locations: Locations,
) -> None:
    context = _context(shared_locations)
    alone = open_domains(DataRef(name="fundus"), ["camera_1"], 0.2, context)
    # Named in another order: the card's counts.
    both = open_domains(DataRef(name="fundus"), ["camera_1", "camera_0"], 0.2, context)
    assert [domain.name for domain in both.parts] == ["camera_0", "camera_1"]
    [expected], found = alone.parts, both.parts[1]
    for part in ("inside", "outside"):
        left, right = getattr(expected, part), getattr(found, part)
        assert alone.images.ids[left].tolist() == both.images.ids[right].tolist()


def test_replicates_have_other_parts(shared_locations: Locations) -> None:
    first, second = (
        open_domains(
            DataRef(name="fundus"), ["camera_0"], 0.2, _context(shared_locations, replicate)
        )
        for replicate in (0, 1)
    )
    assert set(first.parts[0].outside) != set(second.parts[0].outside)


def test_a_part_without_pictures_is_an_error(shared_locations: Locations) -> None:
    with pytest.raises(DatasetError, match="4 pictures of domain 'camera_0' cannot be parted"):
        open_domains(DataRef(name="fundus", limit=4), ["camera_0"], 0.2, _context(shared_locations))


def _context(locations: Locations, replicate: int = 0) -> Context:
    context = Context.local(locations.store, locations)
    return dataclasses.replace(context, replicate=replicate)
