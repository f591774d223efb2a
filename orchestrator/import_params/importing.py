"""From a file to the selection that runs the same, with a line on every key."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator.import_params.cells import differing, find_cell, refuse_if
from orchestrator.import_params.checking import check_params
from orchestrator.import_params.feature_reuse import translate_feature_reuse
from orchestrator.import_params.foundation_medical import translate_foundation_medical
from orchestrator.import_params.keys import shown
from orchestrator.import_params.loading import translate_loading
from orchestrator.import_params.optimization import translate_optimizer
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """What became of one key; ``value`` as the file writes it, 'absent' if it has none."""

    key: str
    value: str
    became: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Imported:
    """A file in Xenograft's words.

    Args:
        warnings: what will keep it from running to its end, one line each.
        options: options of ``run`` that are no part of a selection.
        rows: one per key of the file, in its order, then those that are absent but matter.
    """

    selection: Selection
    options: tuple[str, ...]
    warnings: tuple[str, ...]
    rows: tuple[Row, ...]

    @property
    def command(self) -> str:
        """The command that runs it."""
        return f"xenograft run {shlex.join([*self.selection.to_arguments(), *self.options])}"


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
    return Imported(
        selection=selection,
        options=tuple(out.options),
        warnings=tuple(out.warnings),
        rows=tuple(_rows(out, overrides)),
    )


def _explain_location(out: Translation) -> None:
    key = "dataset_params.data_location"
    if key in out.params:
        folder = Path(out.params[key]) / out.params["dataset_params.dataset"]
        source = shlex.quote(str(folder))
        out.name(key, f"xenograft prepare {out.levels['dataset']} --source {source}")


def _rows(out: Translation, overrides: Mapping[str, str]) -> list[Row]:
    asked: dict[str, list[str]] = {}
    for name, keys in out.from_key.items():
        for key in keys:
            asked.setdefault(key, []).append(name)
    rows = [
        Row(key=key, value=shown(value), became=_became(key, asked.get(key, []), out, overrides))
        for key, value in out.params.values.items()
    ]
    for key, names in asked.items():
        changed = [name for name in names if name in overrides]
        # A key that is there tells of the same override.
        told = any(k in out.params for name in changed for k in out.from_key[name])
        if changed and key not in out.params and not told:
            rows.append(Row(key=key, value="absent", became=_set(changed, overrides)))
    return rows


def _became(key: str, names: list[str], out: Translation, overrides: Mapping[str, str]) -> str:
    parts = [out.became[key]] if key in out.became else []
    parts += [f"{name}={out.levels[name]}" for name in names if name in out.levels]
    changed = [name for name in names if name in overrides]
    parts += [_set(changed, overrides)] if changed else []
    if parts:
        return ", ".join(parts)
    if key in out.reasons:
        return f"not needed: {out.reasons[key]}"
    if key in RUN_TIME_KEYS:
        return "not needed: added by the original while it runs"
    return f"as the study has it: {', '.join(names)}"


def _set(names: list[str], overrides: Mapping[str, str]) -> str:
    return " ".join(f"--set {name}={overrides[name]}" for name in names)
