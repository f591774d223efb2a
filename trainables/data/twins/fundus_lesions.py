"""Which lesions an eye has, and where. The label can be computed back from the counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trainables.data.twins.canvas import Floats, Ints, Spots
from trainables.data.twins.fundus import SEVERE_HAEMORRHAGES

# Poisson means by grade, and the least and greatest count that keeps the grade decidable.
_MICROANEURYSMS = ((0.0, 0, 0), (3.5, 1, 9), (5.0, 0, 20), (8.0, 0, 20), (7.0, 0, 20))
_HAEMORRHAGES = (
    (0.0, 0, 0),
    (0.0, 0, 0),
    (3.5, 1, SEVERE_HAEMORRHAGES - 1),
    (9.0, SEVERE_HAEMORRHAGES, 20),
    (5.0, 0, 20),
)
_EXUDATES = ((0.0, 0, 0), (0.0, 0, 0), (3.0, 0, 20), (4.0, 0, 20), (3.0, 0, 20))
_COTTON_WOOL = ((0.0, 0, 0), (0.0, 0, 0), (0.3, 0, 8), (1.5, 0, 8), (1.0, 0, 8))
_NEW_VESSELS, _PRERETINAL = 0.9, 0.6

COUNTED = (
    "microaneurysms",
    "haemorrhages",
    "exudates",
    "cotton_wool",
    "new_vessels",
    "preretinal",
)


@dataclass(frozen=True)
class Area:
    """Where lesions fall: around a centre per picture (n, 2), or around the middle of the field."""

    radius: float
    centre_xy: Floats | None = None


FIELD = Area(radius=0.78)


def draw_counts(rng: np.random.Generator, labels: Ints) -> dict[str, Ints]:
    """Draw how many lesions of every kind each picture has."""
    proliferative = labels == 4
    new_vessels = proliferative & (rng.random(len(labels)) < _NEW_VESSELS)
    preretinal = proliferative & (rng.random(len(labels)) < _PRERETINAL)
    # A grade 4 shows one of the two at least, or nothing would tell it from grades 2 and 3.
    new_vessels |= proliferative & ~preretinal
    return {
        "microaneurysms": _poisson(rng, labels, _MICROANEURYSMS),
        "haemorrhages": _poisson(rng, labels, _HAEMORRHAGES),
        "exudates": _poisson(rng, labels, _EXUDATES),
        "cotton_wool": _poisson(rng, labels, _COTTON_WOOL),
        "new_vessels": new_vessels.astype(np.int64),
        "preretinal": preretinal.astype(np.int64),
    }


def _poisson(
    rng: np.random.Generator, labels: Ints, by_grade: tuple[tuple[float, int, int], ...]
) -> Ints:
    mean, least, most = (np.array(column)[labels] for column in zip(*by_grade, strict=True))
    return np.clip(rng.poisson(mean), least, most).astype(np.int64)


def scatter(
    rng: np.random.Generator,
    counts: Ints,
    disc_xy: Floats,
    radii_px: tuple[float, float],
    *,
    aspect: float = 1.0,
    area: Area = FIELD,
) -> Spots:
    """Place lesions inside the field and off the optic disc.

    Args:
        counts: (n,) per picture; disc_xy: (n, 2) centre of the disc.
        radii_px: least and greatest; aspect: greatest ratio of the two radii of a lesion.
    """
    owner = np.repeat(np.arange(len(counts)), counts)
    total = len(owner)
    distance = area.radius * np.sqrt(rng.random(total))
    direction = rng.uniform(0, 2 * np.pi, total)
    centre = np.zeros((total, 2)) if area.centre_xy is None else area.centre_xy[owner]
    x = centre[:, 0] + distance * np.cos(direction)
    # Flatter than wide, so that cameras with a cut field still show every lesion.
    y = centre[:, 1] + 0.82 * distance * np.sin(direction)
    on_disc = np.hypot(x - disc_xy[owner, 0], y - disc_xy[owner, 1]) < 0.27
    x = np.where(on_disc, -x, x)
    radius = rng.uniform(*radii_px, total)
    stretch = rng.uniform(1.0, aspect, total) if aspect > 1 else np.ones(total)
    return Spots(
        owner=owner,
        x=x.astype(np.float32),
        y=y.astype(np.float32),
        radius_x=(radius * np.sqrt(stretch)).astype(np.float32),
        radius_y=(radius / np.sqrt(stretch)).astype(np.float32),
        angle=rng.uniform(0, np.pi, total).astype(np.float32),
    )
