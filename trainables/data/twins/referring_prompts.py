"""Sentences for the referring twins, composed as those of the sets they stand for.

Every type adds an attribute to the one before it (MedVLSM, Poudel et al., MIDL 2024): keyword,
shape, colour, size, number, place; then general definitions. Sets of breasts tell presence, type,
number, size, place and shape instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trainables.data.prompts import Prompts

if TYPE_CHECKING:
    from trainables.data.twins.generated import Table

SHAPES = ("round", "oval", "irregular")
IRREGULAR = SHAPES.index("irregular")
SIZES = ("small", "medium", "large")
BREAST = "breast"
_PLACES = ("top left", "top right", "bottom left", "bottom right")
_NUMBERS = ("", "one", "two")
_NO_TUMOUR = "no tumor in the breast ultrasound image"


@dataclass(frozen=True, kw_only=True, slots=True)
class Vocabulary:
    """Words of a scene.

    Args:
        tones: what tells groups apart: colours, or types of tumour.
        definitions: of the keyword, which say nothing about a picture.
    """

    keyword: str
    tones: tuple[str, ...]
    definitions: tuple[str, ...] = ()


VOCABULARIES: Mapping[str, Vocabulary] = {
    "bowel": Vocabulary(
        keyword="polyp",
        tones=("pink", "red", "white"),
        definitions=(
            "a bump on the lining of the colon",
            "a growth of tissue on the bowel wall",
            "tissue that rises from the mucosa",
            "a lump inside the large bowel",
            "a raised lesion of the colon",
        ),
    ),
    "skin": Vocabulary(
        keyword="skin melanoma",
        tones=("brown", "black", "red"),
        definitions=(
            "a spot on the skin with pigment",
            "a growth of pigment cells",
            "a mark darker than the skin around it",
            "a lesion of the skin that may spread",
            "a tumor that starts in a mole",
        ),
    ),
    "foot": Vocabulary(
        keyword="foot ulcer",
        tones=("red", "yellow", "black"),
        definitions=(
            "an open wound on the foot",
            "a sore that heals slowly",
            "broken skin on the sole or the toes",
            "damage to the skin of the foot",
            "a wound of people with diabetes",
        ),
    ),
    BREAST: Vocabulary(keyword="tumor", tones=("benign", "malignant")),
}


SCENES = tuple(VOCABULARIES)

# What a benign and a malignant tumour look like.
_REGULARITY = ("regular", "irregular")


def prompts_of_truth(table: Table) -> list[Prompts]:
    """Return the prompts of every row of the ground truth."""
    rows = zip(*(column.tolist() for column in table.values()), strict=True)
    return [_prompts(dict(zip(table, values, strict=True))) for values in rows]


def _prompts(case: dict[str, Any]) -> Prompts:
    scene = SCENES[case["scene"]]
    if scene == BREAST:
        return _of_breast(case)
    vocabulary = VOCABULARIES[scene]
    shape = f"{SHAPES[case['target_shape']]} {vocabulary.keyword}"
    tone = f"{vocabulary.tones[case['target_tone']]} {shape}"
    size = f"{SIZES[case['target_size']]} {tone}"
    number = _numbered(case, size)
    place = f"located in the {_place(case)} of the image"
    definitions = vocabulary.definitions
    return {
        "p0": ("",),
        "p1": (vocabulary.keyword,),
        "p2": (shape,),
        "p3": (tone,),
        "p4": (size,),
        "p5": (number,),
        "p6": (f"{number}, {place}",),
        "p7": tuple(f"{vocabulary.keyword}, {text}" for text in definitions),
        "p8": tuple(f"{number}, {text}" for text in definitions),
        "p9": tuple(f"{number}, {text}, {place}" for text in definitions),
    }


def _of_breast(case: dict[str, Any]) -> Prompts:
    if not case["target_count"]:
        return {"p0": ("",), **{f"p{number}": (_NO_TUMOUR,) for number in range(1, 7)}}
    tone, size = case["target_tone"], SIZES[case["target_size"]]
    place, shape = f"at the {_place(case)}", f"with {SHAPES[case['target_shape']]} shape"
    image = "in the breast ultrasound image"
    kinds = (f"{VOCABULARIES[BREAST].tones[tone]} tumor", f"{_REGULARITY[tone]} shaped tumor")
    numbered = tuple(_numbered(case, kind) for kind in kinds)
    sized = tuple(_numbered(case, f"{size} {kind}") for kind in kinds)
    return {
        "p0": ("",),
        "p1": (f"tumor {image}",),
        "p2": tuple(f"{kind} {image}" for kind in kinds),
        "p3": tuple(f"{text} {image}" for text in numbered),
        "p4": tuple(f"{text} {image}" for text in sized),
        "p5": tuple(f"{text} {place} {image}" for text in sized),
        "p6": tuple(f"{text} {place} {image} {shape}" for text in sized),
    }


def _numbered(case: dict[str, Any], text: str) -> str:
    number = case["named_count"]
    return f"{_NUMBERS[number]} {text}{'s' if number > 1 else ''}"


def _place(case: dict[str, Any]) -> str:
    return " and ".join(_PLACES[case[f"place_{k}"]] for k in range(case["named_count"]))
