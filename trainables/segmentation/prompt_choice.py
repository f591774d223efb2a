"""Which of a case's texts is used.

A case has prompt types, each with one or several wordings. Every draw is a hash of the trial's
seed, the case and, in training, the epoch: the same on any number of workers and after a resume.
The released code draws from the global generator of a loader process instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from trainables.config import seed_from
from trainables.errors import DatasetError, did_you_mean
from trainables.segmentation.config import RANDOM_PROMPT, PromptConfig

Prompts = Mapping[str, Sequence[str]]
"""Prompt type -> its wordings, in the order of the annotation file, the empty type first."""


class PromptChoice:
    """The texts of the cases of a data set under one config.

    Args:
        data: name of the data set, for messages.
        seed: of the trial.
    """

    def __init__(self, config: PromptConfig, data: str, seed: int) -> None:
        self.config, self.data, self.seed = config, data, seed

    def for_training(self, case: str, prompts: Prompts, epoch: int) -> str:
        """Return the text of a case in an epoch.

        Raises:
            DatasetError: the case has no prompt of the type.
        """
        return self._drawn(prompts, seed_from(self.seed, "prompt", epoch, case))

    def for_evaluation(self, case: str, prompts: Prompts) -> tuple[str, ...]:
        """Return the texts that a case is scored with: one, or all wordings.

        Raises:
            DatasetError: the case has no prompt of the type.
        """
        if self.config.at_evaluation == "random":
            return (self._drawn(prompts, seed_from(self.seed, "prompt", case)),)
        texts = self.possible(prompts)
        return texts if self.config.at_evaluation == "all" else texts[:1]

    def possible(self, prompts: Prompts) -> tuple[str, ...]:
        """Return every text that a case with these prompts may get.

        Raises:
            DatasetError: there is no prompt of the type.
        """
        if self.config.override:
            return (self.config.override,)
        return tuple(text for type_ in self._types(prompts) for text in prompts[type_])

    def _drawn(self, prompts: Prompts, number: int) -> str:
        if self.config.override:
            return self.config.override
        types = self._types(prompts)
        type_ = types[number % len(types)]
        # The type has used up a part of the number.
        return prompts[type_][number // len(types) % len(prompts[type_])]

    def _types(self, prompts: Prompts) -> list[str]:
        """Return the types that a text may be of."""
        if self.config.type == RANDOM_PROMPT:
            types = list(prompts)[1:]
            if not types:
                raise DatasetError(f"data set '{self.data}' has no prompts to draw from")
            return types
        if self.config.type not in prompts:
            known = did_you_mean(self.config.type, [*prompts, RANDOM_PROMPT])
            raise DatasetError(
                f"data set '{self.data}' has no prompt of type '{self.config.type}'.{known}"
            )
        return [self.config.type]
