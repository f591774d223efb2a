"""The studies by name. Adding a paper = one file here in ``search_spaces`` and one line below."""

from __future__ import annotations

import importlib

from search_spaces.study import Study
from trainables.errors import SelectionError, did_you_mean

STUDIES: dict[str, str] = {"demo": "search_spaces.demo"}
"""Study name -> module with a ``STUDY``."""


def load_study(name: str) -> Study:
    """Return a study by name, or by the dotted name of an importable module with a ``STUDY``.

    Raises:
        SelectionError: there is no such study.
    """
    module = STUDIES.get(name, name if "." in name else None)
    if module is None:
        raise SelectionError(f"there is no study '{name}'.{did_you_mean(name, STUDIES)}")
    try:
        study: Study = importlib.import_module(module).STUDY
    except ModuleNotFoundError as error:
        if error.name is None or not module.startswith(error.name):
            raise
        raise SelectionError(f"there is no module '{module}' with a study in it") from None
    return study
