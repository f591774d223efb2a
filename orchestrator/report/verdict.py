"""What is said of a number beside the published one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from orchestrator.report.comparison import Comparison

VerdictWord = Literal["reproduced", "higher", "lower", "not comparable"]

SYMBOLS: Mapping[VerdictWord, str] = {
    "reproduced": "≈",
    "higher": "↑",
    "lower": "↓",
    "not comparable": "○",
}

MEANINGS: Mapping[VerdictWord, str] = {
    "reproduced": "no difference from the published number is shown; its interval says how large "
    "a one could have gone unseen. 'Alone higher' or 'alone lower': the number's own 95 % interval "
    "leaves zero out, and only the correction over the table does not call it",
    "higher": "ours is above the published number (Holm's p at most 0.05 over the table)",
    "lower": "ours is below the published number (Holm's p at most 0.05 over the table)",
    "not comparable": "the two cannot be held against each other, and why is said",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """The verdict on one number.

    Args:
        why: why the two cannot be compared; empty where they can.
        comparison, p_holm: the difference, and its p-value corrected over the table; None where
            the two cannot be compared.
    """

    word: VerdictWord
    why: str = ""
    comparison: Comparison | None = None
    p_holm: float | None = None

    @property
    def alone(self) -> str:
        """What its own 95 % interval says where the correction over the table keeps it quiet."""
        if self.word != "reproduced" or self.comparison is None:
            return ""
        if self.comparison.low > 0:
            return "higher"
        return "lower" if self.comparison.high < 0 else ""

    @property
    def text(self) -> str:
        """Symbol and word: ``≈ reproduced``, ``≈ reproduced (alone lower)``."""
        alone = f" (alone {self.alone})" if self.alone else ""
        return f"{SYMBOLS[self.word]} {self.word}{alone}"


def tally(verdicts: Iterable[Verdict]) -> str:
    """Return ``2 reproduced, 1 lower (Holm over 3); 4 not comparable: generated pictures (4)``."""
    every = list(verdicts)
    words = Counter(verdict.word for verdict in every)
    compared = len(every) - words["not comparable"]
    parts = []
    if compared:
        counts = [f"{words[w]} {w}" for w in ("reproduced", "higher", "lower") if words[w]]
        alone = sum(bool(verdict.alone) for verdict in every)
        besides = f"; {alone} of them alone higher or lower" if alone else ""
        parts.append(f"{', '.join(counts)} (Holm over {compared}{besides})")
    if words["not comparable"]:
        reasons = Counter(verdict.why for verdict in every if verdict.why)
        listed = ", ".join(f"{why} ({n})" for why, n in reasons.most_common())
        parts.append(f"{words['not comparable']} not comparable: {listed}")
    return "; ".join(parts)
