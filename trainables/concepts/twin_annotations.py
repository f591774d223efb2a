"""What made-up annotators say of generated pictures.

Legend: n pictures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from trainables.config import seed_from
from trainables.data.concepts import AnnotatedPictures
from trainables.data.image_set import ImageSet
from trainables.data.twins.knobo_twin_knowledge import FINDINGS, IDLE_QUESTIONS
from trainables.knowledge import Annotator, Knowledge, Subject


class _Errors(NamedTuple):
    """How often an annotator overlooks what is there, and sees what is not."""

    missed: float
    invented: float


_ERRORS: Mapping[Annotator, _Errors] = {
    "flan_t5": _Errors(missed=0.1, invented=0.02),
    "gpt4": _Errors(missed=0.03, invented=0.005),
}

_ALL_REPORTS = 2_000
"""As many as the paper annotates for a concept are all pictures of a twin."""


def annotate_twin(
    images: ImageSet, subject: Subject, questions: Sequence[str], knowledge: Knowledge
) -> dict[str, AnnotatedPictures]:
    """Return the pictures of every question, one report each.

    Where only some are annotated, half of them show the concept as far as there are so many: in
    the paper half are chosen for being close to it (Yang et al., NeurIPS 2024, appendix B.3).
    """
    said = [set(images.captions_of(row)) for row in range(len(images))]
    found = {}
    for question in questions:
        rng = np.random.default_rng(seed_from("annotations", question, knowledge.annotator))
        if question in IDLE_QUESTIONS:
            shown_n = rng.random(len(images)) < 0.5
        else:
            finding = FINDINGS[subject][question]
            shown_n = np.array([finding in findings for findings in said])
        rows = _reports(shown_n, knowledge.reports, question)
        errors = _ERRORS[knowledge.annotator]
        wrong_n = rng.random(len(images)) < np.where(shown_n, errors.missed, errors.invented)
        yes_n = shown_n ^ wrong_n
        found[question] = AnnotatedPictures(
            positive=rows[yes_n[rows]].tolist(), negative=rows[~yes_n[rows]].tolist()
        )
    return found


def _reports(
    shown_n: npt.NDArray[np.bool_], reports: int | None, question: str
) -> npt.NDArray[np.int64]:
    """Return rows of annotated pictures; fewer reports are among more."""
    n = len(shown_n)
    if reports is None or reports >= _ALL_REPORTS:
        return np.arange(n)
    most = reports * n // _ALL_REPORTS
    order = np.random.default_rng(seed_from("reports", question)).permutation(n)
    close = order[shown_n[order]][: most // 2]
    others = order[~np.isin(order, close)][: most - len(close)]
    return np.sort(np.concatenate([close, others]))
