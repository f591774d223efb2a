"""Generated pictures of coloured shapes, and sentences that name some of them.

What twins of networks that segment by text are pretrained on. Nothing in them is medical; colours,
sizes and places are named in everyday words.

Axes: n pictures, m shapes per picture, c channels, h rows, w columns.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trainables.config import seed_from
from trainables.data.twin import SIZE_PX
from trainables.data.twins.canvas import Canvas, Floats, Ints
from trainables.data.twins.light import blur, cover, expose, smooth_noise

_SHAPES = 3
"""Most shapes in a picture."""

_KINDS = (
    ("circle", "disc", "round shape"),
    ("oval", "ellipse", "oval shape"),
    ("square", "box", "rectangle"),
    ("triangle", "wedge", "pointed shape"),
    ("blob", "irregular shape", "lump"),
)
_COLOURS: tuple[tuple[tuple[str, ...], tuple[float, float, float]], ...] = (
    (("red",), (0.75, 0.16, 0.14)),
    (("pink",), (0.88, 0.56, 0.60)),
    (("white", "pale", "bright"), (0.90, 0.88, 0.84)),
    (("black", "dark"), (0.10, 0.09, 0.10)),
    (("brown",), (0.42, 0.26, 0.16)),
    (("yellow",), (0.84, 0.74, 0.26)),
    (("green",), (0.26, 0.56, 0.28)),
    (("blue",), (0.24, 0.38, 0.72)),
    (("grey", "gray"), (0.50, 0.50, 0.50)),
)
_SIZES = (("small", "little", "tiny"), ("medium", "medium sized"), ("large", "big"))
_RADII = (0.13, 0.22, 0.34)
"""Of the sizes, in radii of the picture."""

_ROWS = (("upper", "top"), ("lower", "bottom"))
_COLUMNS = ("left", "right")
_ANY_KIND = ("shape", "object", "thing", "region", "patch", "spot")
_TEMPLATES = ("{}", "a {}", "the {}", "one {}", "a photo of a {}", "the area of the {}")
_SHARE_ABSENT = 0.12
_SHARE_ALL = 0.12

TRAITS = {
    "kind": len(_KINDS),
    "colour": len(_COLOURS),
    "size": len(_SIZES),
    "row": len(_ROWS),
    "column": len(_COLUMNS),
}
"""How many values each trait of a shape has."""


@dataclass(frozen=True)
class Scenes:
    """Pictures and what is in them.

    Args:
        pixels_nchw: uint8.
        masks_nmhw: where each shape is seen; nowhere for a shape that a picture lacks.
        traits: of each shape, (n, m) per name of :data:`TRAITS`; -1 for a shape that a picture
            lacks.
    """

    pixels_nchw: npt.NDArray[np.uint8]
    masks_nmhw: npt.NDArray[np.bool_]
    traits: dict[str, Ints]


@dataclass(frozen=True)
class Sentences:
    """One sentence per picture.

    Args:
        masks_nhw: all shapes of the picture that the sentence is true of.
        named: what it says, (n,) per name of :data:`TRAITS`; -1 where it says nothing of it.
    """

    texts: tuple[str, ...]
    masks_nhw: npt.NDArray[np.bool_]
    named: dict[str, Ints]


def draw_scenes(n: int, size_px: int, seed: int) -> Scenes:
    """Draw pictures with one to three shapes, each in a quarter of its own."""
    rng = np.random.default_rng(seed_from("referring_shapes", seed))
    canvas = Canvas(size_px, SIZE_PX)
    quarters = np.argsort(rng.random((n, 4)), axis=1)[:, :_SHAPES]
    there = np.arange(_SHAPES) < rng.choice([1, 2, 3], size=(n, 1), p=(0.2, 0.5, 0.3))
    traits = {
        "kind": rng.integers(0, len(_KINDS), (n, _SHAPES)),
        "colour": rng.integers(0, len(_COLOURS), (n, _SHAPES)),
        "size": rng.integers(0, len(_SIZES), (n, _SHAPES)),
        "row": quarters // 2,
        "column": quarters % 2,
    }
    light_nchw = _background(rng, n, size_px)
    masks = []
    for index in range(_SHAPES):
        mine = {name: values[:, index] for name, values in traits.items()}
        cover_nhw = _coverage(rng, canvas, mine) * there[:, index, None, None]
        cover(light_nchw, 0.92 * cover_nhw, _tones(rng, mine["colour"]))
        masks.append(cover_nhw > 0.5)
    light_nchw *= _uneven_light(rng, canvas, n)
    masks_nmhw = np.stack(masks, axis=1)
    for nearer in range(1, _SHAPES):
        masks_nmhw[:, :nearer] &= ~masks_nmhw[:, nearer, None]
    return Scenes(
        pixels_nchw=expose(rng, blur(light_nchw, 0.5 * canvas.scale), 0.02),
        masks_nmhw=masks_nmhw,
        traits={name: np.where(there, values, -1) for name, values in traits.items()},
    )


def refer(scenes: Scenes, seed: int) -> Sentences:
    """Make up one sentence per picture.

    Most name traits of one of its shapes, some those of none, some any shape.
    """
    rng = np.random.default_rng(seed_from("referring_shapes", "text", seed))
    n = len(scenes.pixels_nchw)
    texts, fits_nm = [], scenes.traits["kind"] >= 0
    named = {name: np.full(n, -1) for name in TRAITS}
    for picture in range(n):
        shapes = {name: values[picture] for name, values in scenes.traits.items()}
        said = _named_traits(rng, shapes)
        texts.append(_sentence(rng, said))
        for name, value in said.items():
            named[name][picture] = value
            fits_nm[picture] &= shapes[name] == value
    named_nmhw = scenes.masks_nmhw & fits_nm[:, :, None, None]
    masks_nhw: npt.NDArray[np.bool_] = np.any(named_nmhw, axis=1)
    return Sentences(texts=tuple(texts), masks_nhw=masks_nhw, named=named)


def _named_traits(rng: np.random.Generator, shapes: dict[str, Ints]) -> dict[str, int]:
    """Choose what a sentence says, given the traits (m,) of a picture's shapes."""
    draw = rng.random()
    if draw < _SHARE_ALL:
        return {}
    target = rng.integers(0, int((shapes["kind"] >= 0).sum()))
    traits = {name: int(values[target]) for name, values in shapes.items()}
    if draw < _SHARE_ALL + _SHARE_ABSENT:
        traits["colour"] = int(rng.integers(0, len(_COLOURS)))
        traits["row"], traits["column"] = 1 - traits["row"], 1 - traits["column"]
    kept = [name for name in ("kind", "colour", "size") if rng.random() < 0.5]
    if rng.random() < 0.5 or not kept:
        kept += ["row", "column"]
    return {name: traits[name] for name in kept}


def _sentence(rng: np.random.Generator, named: dict[str, int]) -> str:
    words = []
    if "size" in named:
        words.append(rng.choice(_SIZES[named["size"]]))
    if "colour" in named:
        words.append(rng.choice(_COLOURS[named["colour"]][0]))
    words.append(rng.choice(_KINDS[named["kind"]] if "kind" in named else _ANY_KIND))
    if "row" in named:
        place = f"{rng.choice(_ROWS[named['row']])} {_COLUMNS[named['column']]}"
        words.append(str(rng.choice(("in the {}", "at the {}", "located in {}"))).format(place))
    return str(rng.choice(_TEMPLATES)).format(" ".join(words))


def _coverage(rng: np.random.Generator, canvas: Canvas, traits: dict[str, Ints]) -> Floats:
    """Return how much of each pixel a shape covers, (n, h, w), given the traits (n,)."""
    n = len(traits["kind"])
    radius = np.array(_RADII)[traits["size"]] * rng.uniform(0.88, 1.12, n)
    middle = rng.uniform(0.38, 0.52, (2, n))
    x = canvas.x_hw - (middle[0] * (2 * traits["column"] - 1))[:, None, None]
    y = canvas.y_hw - (middle[1] * (2 * traits["row"] - 1))[:, None, None]
    angle = rng.uniform(0, 2 * np.pi, n)[:, None, None]
    u = (x * np.cos(angle) + y * np.sin(angle)) / radius[:, None, None]
    v = (y * np.cos(angle) - x * np.sin(angle)) / radius[:, None, None]
    far = np.choose(traits["kind"][:, None, None], _distances(rng, u, v))
    sharpness = 0.5 * canvas.radius_px * radius[:, None, None]
    covered: Floats = np.clip(0.5 + sharpness * (1 - far), 0, 1).astype(np.float32)
    return covered


def _distances(
    rng: np.random.Generator, u: npt.NDArray[np.float64], v: npt.NDArray[np.float64]
) -> list[npt.NDArray[np.float64]]:
    """Return, for each kind, a map that is 1 at the outline and less inside of it."""
    far, angle = np.hypot(u, v), np.arctan2(v, u)
    stretch = rng.uniform(1.25, 1.5, (len(u), 1, 1))
    wedge = 2 * np.pi / 3
    bumps = rng.uniform(0.18, 0.3, (len(u), 1, 1)) * np.cos(3 * angle)
    return [
        far,
        np.hypot(u / stretch, v * stretch),
        np.maximum(np.abs(u), np.abs(v)) * 1.1,
        far * np.cos(np.mod(angle, wedge) - wedge / 2) * 1.6,
        far / (1 + bumps + 0.12 * np.cos(5 * angle + 1)),
    ]


def _background(rng: np.random.Generator, n: int, size_px: int) -> Floats:
    tone = np.clip(rng.uniform(0.2, 0.8, (n, 1)) + rng.normal(0, 0.12, (n, 3)), 0.05, 0.95)
    light_nchw: Floats = np.empty((n, 3, size_px, size_px), dtype=np.float32)
    light_nchw[:] = tone[:, :, None, None]
    for cells in (3, 9, 21):
        strength = rng.uniform(0, 0.06, (n, 3, 1, 1)).astype(np.float32)
        light_nchw += strength * smooth_noise(rng, n, cells, size_px)[:, None]
    return light_nchw


def _tones(rng: np.random.Generator, colours: Ints) -> npt.NDArray[np.float64]:
    tones = np.array([tone for _, tone in _COLOURS])[colours]
    return np.clip(
        tones * rng.normal(1, 0.06, (len(tones), 1)) + rng.normal(0, 0.02, tones.shape), 0, 1
    )


def _uneven_light(rng: np.random.Generator, canvas: Canvas, n: int) -> Floats:
    slope = rng.normal(0, 0.1, (2, n, 1, 1, 1))
    light: Floats = (1 + slope[0] * canvas.x_hw + slope[1] * canvas.y_hw).astype(np.float32)
    return light
