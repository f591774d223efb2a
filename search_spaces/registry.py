"""The studies by name.

Adding a paper = one file here in ``search_spaces``, a folder where it is long, and one line below.
"""

from __future__ import annotations

from search_spaces.study import Study
from trainables.errors import SelectionError, did_you_mean
from trainables.outside import import_outside, is_outside

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
    module = STUDIES.get(name, name if is_outside(name) else None)
    if module is None:
        raise SelectionError(f"there is no study '{name}'.{did_you_mean(name, STUDIES)}")
    nothing = SelectionError(
        f"there is no module '{module}' with a STUDY in it: check the name and PYTHONPATH"
    )
    study = getattr(import_outside(module, nothing), "STUDY", None)
    if not isinstance(study, Study):
        raise nothing
    return study
