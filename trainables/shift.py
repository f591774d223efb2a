"""What every trainable with ``shift_domains`` checks."""

from __future__ import annotations

from trainables.config import DataRef
from trainables.errors import ConfigError


def check_shift(data: DataRef, shift_domains: tuple[str, ...]) -> None:
    """Make sure that shift domains are none of the training domains.

    Raises:
        ConfigError: a domain is on both sides, or twice, or all domains are trained on.
    """
    if not shift_domains:
        return
    if not data.domains:
        raise ConfigError(
            f"shift_domains {list(shift_domains)} need data.domains: without it '{data.name}' is "
            "trained on all its domains"
        )
    both = sorted(set(shift_domains) & set(data.domains))
    if both:
        raise ConfigError(f"{both} cannot be in both data.domains and shift_domains")
    if len(set(shift_domains)) != len(shift_domains):
        raise ConfigError(f"shift_domains names a domain twice: {list(shift_domains)}")
