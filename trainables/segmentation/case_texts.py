"""The texts of the cases of a split."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from trainables.segmentation.cases import Cases
from trainables.segmentation.config import PromptConfig
from trainables.segmentation.evaluation import Texts
from trainables.segmentation.prompt_choice import PromptChoice


class CaseTexts:
    """Ask a choice of prompts for every case.

    Args:
        choice: None for a network that reads no text: each text is empty.
    """

    def __init__(self, cases: Cases, choice: PromptChoice | None) -> None:
        self.cases, self.choice = cases, choice

    def for_training(self, parts: Sequence[Tensor], epoch: int) -> list[list[str]]:
        """Return the text of each case of each batch in an epoch.

        Raises:
            DatasetError: a case has no prompt of the type.
        """
        return [[self._drawn(case, epoch) for case in part.tolist()] for part in parts]

    def for_evaluation(self) -> Texts:
        """Return the texts that every case is scored with.

        Raises:
            DatasetError: a case has no prompt of the type.
        """
        if self.choice is None:
            return [("",)] * len(self.cases)
        return [
            self.choice.for_evaluation(self.cases.name(case), self.cases.images.prompts_of(case))
            for case in range(len(self.cases))
        ]

    def possible(self) -> set[str]:
        """Return every text that any case may get.

        Raises:
            DatasetError: a case has no prompt of the type.
        """
        if self.choice is None:
            return set()
        every = (self.cases.images.prompts_of(case) for case in range(len(self.cases)))
        return {text for prompts in every for text in self.choice.possible(prompts)}

    def _drawn(self, case: int, epoch: int) -> str:
        if self.choice is None:
            return ""
        prompts = self.cases.images.prompts_of(case)
        return self.choice.for_training(self.cases.name(case), prompts, epoch)


def choice_of(config: PromptConfig, reads_text: bool, data: str, seed: int) -> PromptChoice | None:
    """Return the choice of prompts for a network, None if it reads none."""
    return PromptChoice(config, data, seed) if reads_text else None
