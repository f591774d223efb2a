"""Made-up knowledge of the twins of KnoBo's sets: a list per source, priors, what reports say.

Every source asks other questions, so that choosing one matters: it leaves out some that tell
classes apart, and asks some that no picture answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from trainables.data.twins import chest_twin, lesion_twin
from trainables.data.twins.lesion_concepts import CONCEPTS, answers
from trainables.knowledge import Source, Subject

IDLE_QUESTIONS = (
    "Is the patient left-handed?",
    "Was the picture taken in the morning?",
    "Does the patient live in a city?",
    "Was the patient born in an even year?",
)
"""No picture tells."""

# Places of the questions that a source leaves out, and how many idle ones it asks.
_LEFT_OUT: Mapping[Source, tuple[int, ...]] = {
    "PubMed": (),
    "StatPearls": (1, 8),
    "Textbooks": (2, 5, 9),
    "Wikipedia": (0, 3, 7, 10),
    "prompt": (0, 2, 4, 6, 8, 10),
}
_IDLE: Mapping[Source, int] = {
    "PubMed": 1,
    "StatPearls": 2,
    "Textbooks": 2,
    "Wikipedia": 3,
    "prompt": 4,
}

FINDINGS: Mapping[Subject, Mapping[str, str]] = MappingProxyType(
    {
        "skin_twin": {concept.question: concept.finding for concept in CONCEPTS},
        "xray_twin": {name: chest_twin.finding(name) for name in chest_twin.CONCEPTS},
    }
)
"""Question -> what a report says where the answer is yes."""


def questions(subject: Subject, source: Source) -> tuple[str, ...]:
    """Return the list of a source for a twin."""
    asked = [q for i, q in enumerate(FINDINGS[subject]) if i not in _LEFT_OUT[source]]
    return (*asked, *IDLE_QUESTIONS[: _IDLE[source]])


def priors(name: str) -> dict[str, dict[str, str]]:
    """Return class -> question -> 'yes', 'no', or 'unknown' where no picture tells, of a twin."""
    if name in lesion_twin.PARAMETERS:
        known = answers(lesion_twin.PARAMETERS[name].classes)
    else:
        known = chest_twin.answers(chest_twin.PARAMETERS[name].classes)
    idle = dict.fromkeys(IDLE_QUESTIONS, "unknown")
    return {of_class: {**answered, **idle} for of_class, answered in known.items()}
