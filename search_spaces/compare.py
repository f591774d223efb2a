"""Which levels of a table are held against each other, as a declaration; the report does it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from trainables.errors import ConfigError, did_you_mean


@dataclass(frozen=True, kw_only=True, slots=True)
class Compare:
    """Every pair of levels of a factor, over what is independent.

    Args:
        levels: the factor whose levels are compared, such as the method.
        over: the factor whose levels are independent of each other, such as the data set. Over
            those of the other factors a difference is averaged first.
    """

    levels: str
    over: str

    def check(self, experiment: str, factors: Sequence[str]) -> None:
        """Check that both are factors of the experiment, and two.

        Raises:
            ConfigError: they are not.
        """
        for name in (self.levels, self.over):
            if name not in factors:
                raise ConfigError(
                    f"experiment '{experiment}' has no factor '{name}' to compare."
                    f"{did_you_mean(name, factors)}"
                )
        if self.levels == self.over:
            raise ConfigError(
                f"experiment '{experiment}': levels of '{self.levels}' cannot be compared over "
                "themselves"
            )
