"""What a test found of every case; a case is one structure in one picture."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from trainables.errors import DatasetError

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class CaseTable:
    """Scores of all cases of a test, each an entry of every column; all are fractions, not percent.

    Args:
        ids: names of the cases, unique: masks are stored under them.
        domains: the set each case comes from, where several were tested together.
        classes: the structure each case asks for.
        prompts: the text each was segmented with; empty for a model that reads none.
        dice, iou: at the resolution of the stored mask.
        dice_net, iou_net: at the resolution of the network.
        empty: whether the stored mask has no foreground.

    Raises:
        DatasetError: two cases have one id.
        ValueError: columns differ in length, or a score is not finite.
    """

    ids: tuple[str, ...]
    domains: tuple[str, ...]
    classes: tuple[str, ...]
    prompts: tuple[str, ...]
    dice: Floats
    iou: Floats
    dice_net: Floats
    iou_net: Floats
    empty: npt.NDArray[np.bool_]

    def __post_init__(self) -> None:
        lengths = {field.name: len(getattr(self, field.name)) for field in fields(self)}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"columns differ in length: {lengths}")
        seen: set[str] = set()
        for case in self.ids:
            if case in seen:
                raise DatasetError(f"two test cases have the id '{case}': ids must be unique")
            seen.add(case)
        for name in ("dice", "iou", "dice_net", "iou_net"):
            if not np.isfinite(getattr(self, name)).all():
                raise ValueError(f"{name} is not finite for every case")

    def __len__(self) -> int:
        return len(self.ids)
