"""Errors a user can act on: each message names what was found, where, and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class XenograftError(Exception):
    """Base of every error that is shown to the user as one message, without a traceback."""


class ConfigError(XenograftError):
    """A configuration value is unknown, of the wrong type, or out of range."""


class SelectionError(XenograftError):
    """A study, experiment, factor, level or cell was asked for that does not exist."""


class DatasetError(XenograftError):
    """Data is missing, unreadable, or not what its card promises."""


class WeightsError(XenograftError):
    """Weights are missing, of another architecture, or not the file the card names."""


class StorageError(XenograftError):
    """The run's storage cannot be read or written."""


class TrackingError(XenograftError):
    """The tracking store cannot be used as asked."""


class ResourceError(XenograftError):
    """The cluster can never satisfy what a trial asks for."""


class SealedTestError(XenograftError):
    """A search trial tried to read the test split."""


def check_at_least(least: float, of: str = "", /, **values: float | None) -> None:
    """Make sure that none of the named values is below a bound; None stands for no value.

    Args:
        of: the key, with its dot, of the config that the values are part of.

    Raises:
        ConfigError: one is, or is not a number.
    """
    for name, value in values.items():
        if value is not None and not value >= least:  # written so that NaN does not pass
            raise ConfigError(f"{of}{name} must be >= {least:g}, got {value}")


def did_you_mean(word: str, options: Iterable[str]) -> str:
    """Return ' Did you mean ...?' for the closest options, else the list of what exists."""
    known = sorted(options)
    close = difflib.get_close_matches(word, known, n=2, cutoff=0.6)
    if close:
        return f" Did you mean {' or '.join(repr(c) for c in close)}?"
    return f" Known: {', '.join(known)}."
