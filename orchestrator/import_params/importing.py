"""From a file to the selection that runs the same, with a line on every key."""

from __future__ import annotations

import shlex
from pathlib import Path

from orchestrator.import_params.cells import differing, find_cell, refuse_if
from orchestrator.import_params.checking import check_params
from orchestrator.import_params.feature_reuse import translate_feature_reuse
from orchestrator.import_params.foundation_medical import translate_foundation_medical
from orchestrator.import_params.loading import translate_loading
from orchestrator.import_params.optimization import translate_optimizer
from orchestrator.import_params.outcome import Imported, table
from orchestrator.import_params.params import read_params
from orchestrator.import_params.pictures import translate_pictures
from orchestrator.import_params.schedules import translate_schedule
from orchestrator.import_params.schema import RUN_TIME_KEYS
from orchestrator.import_params.training import translate_training
from orchestrator.import_params.translation import Translation
from orchestrator.import_params.warmup import translate_warmup
from orchestrator.selection import Selection
from search_spaces.registry import load_study

_TRANSLATE_CELL = {
    "feature_reuse": translate_feature_reuse,
    "foundation_medical": translate_foundation_medical,
}
"""Study -> what finds levels and experiments in a file of its repository."""


def import_params(path: Path) -> Imported:
    """Translate a ``params.json`` of one of the two repositories.

    Raises:
        ConfigError: the file cannot be read, or is not a JSON object.
        ImportParamsError: keys are unknown, missing, or have values without an equivalent.
        SelectionError: there is no such study.
    """
    params = read_params(path)
    refuse_if(check_params(params), params.file)
    out = Translation(params=params)
    for translate in (
        translate_pictures,
        translate_loading,
        translate_optimizer,
        translate_schedule,
        translate_training,
    ):
        translate(out)
    experiments = _TRANSLATE_CELL[params.repository](out)
    translate_warmup(out)
    refuse_if(out.problems, params.file)
    study = load_study(params.repository)
    cell = find_cell(study, experiments, out)
    overrides = {} if cell is None else differing(cell, out)
    refuse_if(out.problems, params.file)
    assert cell is not None  # otherwise there was a problem
    selection = Selection(
        study=params.repository,
        only={"experiment": (cell.experiment,), **{f: (level,) for f, level in cell.levels}},
        recipe="paper",
        replicates=out.replicates,
        overrides=overrides,
    )
    _explain_location(out)
    out.explain(RUN_TIME_KEYS, "added by the original while it runs")
    return Imported(
        selection=selection,
        options=tuple(out.options),
        warnings=tuple(out.warnings),
        rows=table(out, overrides),
    )


def _explain_location(out: Translation) -> None:
    key = "dataset_params.data_location"
    if key in out.params:
        folder = Path(out.params[key]) / out.params["dataset_params.dataset"]
        source = shlex.quote(str(folder))
        out.name(key, f"xenograft prepare {out.levels['dataset']} --source {source}")
