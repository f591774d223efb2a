"""The studies by name.

Adding a paper = one file here in ``search_spaces``, a folder where it is long, and one line below.
"""

from __future__ import annotations

import importlib

from search_spaces.study import Study
from trainables.errors import SelectionError, did_you_mean

STUDIES: dict[str, str] = {
    "coop_lvt": "search_spaces.coop_lvt",
    "demo": "search_spaces.demo",
    "feature_reuse": "search_spaces.feature_reuse",
    "foundation_medical": "search_spaces.foundation_medical",
    "medvlsm": "search_spaces.medvlsm",
    "why_lesion_clip": "search_spaces.why_lesion_clip",
}
"""Study name -> module with a ``STUDY``."""


def load_study(name: str) -> Study:
    """Return a study by name, or by the dotted name of an importable module with a ``STUDY``.

    Raises:
        SelectionError: there is no such study.
    """
    module = STUDIES.get(name, name if "." in name else None)
    if module is None:
        raise SelectionError(f"there is no study '{name}'.{did_you_mean(name, STUDIES)}")
    nothing = SelectionError(
        f"there is no module '{module}' with a STUDY in it: check the name and PYTHONPATH"
    )
    if not all(part.isidentifier() for part in module.split(".")):
        raise nothing
    try:
        study = getattr(importlib.import_module(module), "STUDY", None)
    except ModuleNotFoundError as error:
        # A study that is there but imports something that is not deserves its traceback.
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise
        raise nothing from None
    if not isinstance(study, Study):
        raise nothing
    return study
