"""What is known of classes and concepts before any picture is seen, and how it pulls at weights.

Source: Yang et al., NeurIPS 2024, section 4.4, equation 2.

Legend: k classes, c concepts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from trainables.errors import DatasetError

Answers = Mapping[str, Mapping[str, str]]
"""Class -> concept -> 'yes', 'no' or 'unknown': does the class show the concept?"""

_VALUES = {"yes": 1.0, "no": -1.0, "unknown": 0.0}


def prior_matrix(answers: Answers, classes: Sequence[str], concepts: Sequence[str]) -> Tensor:
    """Return prior_kc: 1 for yes, -1 for no, 0 for unknown.

    Classes and concepts are looked up to the letter: two spellings of one class have answers of
    their own in the released files.

    Raises:
        DatasetError: a class or a concept has no answer, or one that is none of the three.
    """
    missing = [name for name in classes if name not in answers]
    if missing:
        raise DatasetError(
            f"the priors say nothing of class '{missing[0]}' ({len(missing)} of {len(classes)} "
            f"classes missing); they know {', '.join(sorted(answers)) or 'none'}"
        )
    return torch.tensor([[_value(answers[name], name, c) for c in concepts] for name in classes])


def _value(answers: Mapping[str, str], name: str, concept: str) -> float:
    answer = answers.get(concept)
    if answer not in _VALUES:
        found = "no answer" if answer is None else f"the answer '{answer}'"
        raise DatasetError(
            f"the priors have {found} for class '{name}' and concept '{concept}': it must be one "
            f"of {', '.join(_VALUES)}"
        )
    return _VALUES[answer]


def prior_loss(weight_kc: Tensor, prior_kc: Tensor) -> Tensor:
    """Return the mean distance of squashed weights from the prior."""
    return (weight_kc.tanh() - prior_kc).abs().mean()
