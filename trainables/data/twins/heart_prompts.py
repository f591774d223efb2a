"""Sentences for the heart twin: structure, view, phase, sex, age, image quality, shape.

Every type adds one of them to the type before it, and has two wordings (MedVLSM, Poudel et al.,
MIDL 2024, on CAMUS).
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Any

from trainables.data.prompts import Prompts

if TYPE_CHECKING:
    from trainables.data.twins.generated import Table

STRUCTURES = ("left ventricular cavity", "myocardium", "left atrium cavity")
_SHAPES = ("oval", "arched", "round")
_WORDINGS = ("{} of the heart", "{} in the cardiac ultrasound")
_VIEWS = ("two-chamber", "four-chamber")
_PHASES = ("systole", "diastole")
_SEXES = ("female", "male")
_QUALITIES = ("poor", "medium", "good")
_TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty")
_ONES = ("", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def prompts_of_truth(table: Table) -> list[Prompts]:
    """Return the prompts of every row of the ground truth."""
    rows = zip(*(column.tolist() for column in table.values()), strict=True)
    return [_prompts(dict(zip(table, values, strict=True))) for values in rows]


def _prompts(case: dict[str, Any]) -> Prompts:
    added = (
        "",
        f" in the {_VIEWS[case['view']]} view",
        f" at the end of {_PHASES[case['phase']]}",
        f" of a {_SEXES[case['sex']]}",
        f" of {_years(case['age'])} years",
        f" with {_QUALITIES[case['quality']]} image quality",
        f", {_SHAPES[case['label']]}",
    )
    structures = (text.format(STRUCTURES[case["label"]]) for text in _WORDINGS)
    by_wording = [list(accumulate(added, initial=text))[1:] for text in structures]
    numbered = enumerate(zip(*by_wording, strict=True), start=1)
    return {"p0": ("",), **{f"p{number}": wordings for number, wordings in numbered}}


def _years(age: int) -> str:
    tens, ones = divmod(age, 10)
    return "-".join(filter(None, (_TENS[tens], _ONES[ones])))
