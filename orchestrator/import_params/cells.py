"""The cell of a study that a file describes, and what differs from it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from orchestrator.import_params.translation import Translation
from search_spaces.study import Cell, Experiment, Study
from trainables.config import canonical, flatten, override_all
from trainables.errors import ConfigError, XenograftError
from trainables.models.cards import get_backbone_card

_OF_BACKBONE = ("image_size_px", "interpolation")


def find_cell(study: Study, experiments: tuple[str, ...], out: Translation) -> Cell | None:
    """Return the cell with the translation's levels in the first experiment that has it."""
    for name in experiments:
        cell = _cell(study, study.experiment(name), out.levels)
        if cell is not None:
            return cell
    wanted = ", ".join(f"{factor}={level}" for factor, level in out.levels.items())
    exists = "; ".join(_shape(study, experiment) for experiment in experiments)
    out.problems.append(
        f"{', '.join(_blamed(study, experiments, out))}: study '{study.name}' has no cell with "
        f"{wanted}. It has {exists}"
    )
    return None


def _cell(study: Study, experiment: Experiment, levels: Mapping[str, str]) -> Cell | None:
    """Return one cell without expanding the whole study."""
    factors = experiment.factors
    if {f.name for f in factors} != set(levels):
        return None
    if any(levels[f.name] not in f.levels for f in factors):
        return None
    own = {f.name: levels[f.name] for f in factors}
    recipe = experiment.configure(own)
    if recipe is None:
        return None
    return Cell(
        study=study.name,
        experiment=experiment.name,
        levels=tuple(own.items()),
        recipe=recipe,
        budget=experiment.budget,
    )


def differing(cell: Cell, out: Translation) -> dict[str, str]:
    """Return the overrides that make the cell run what the file says: config key -> text."""
    config = cell.recipe.config
    theirs = flatten(config)
    overrides: dict[str, str] = {}
    for key, value in out.config.items():
        where = ", ".join(out.from_key[key])
        if key not in theirs:
            out.problems.append(f"{where}: '{config.trainable}' of the study has no {key}")
        elif canonical(value) != canonical(_effective(key, theirs)):
            overrides[key] = value if isinstance(value, str) else json.dumps(canonical(value))
    if not out.problems:
        _check_together(cell, overrides, out)
    return overrides


def _effective(key: str, theirs: Mapping[str, Any]) -> Any:
    """Return what a config's value means: None leaves size and resizing to the backbone's card."""
    if theirs[key] is None and key in _OF_BACKBONE and "backbone.card" in theirs:
        return getattr(get_backbone_card(theirs["backbone.card"]), key)
    return theirs[key]


def _check_together(cell: Cell, overrides: Mapping[str, str], out: Translation) -> None:
    try:
        dataclasses.replace(cell.recipe, config=override_all(cell.recipe.config, overrides))
    except ConfigError as error:
        message = str(error)
        keys = [key for name in overrides if name in message for key in out.from_key[name]]
        out.problems.append(f"{', '.join(dict.fromkeys(keys)) or 'together'}: {message}")


def _blamed(study: Study, experiments: tuple[str, ...], out: Translation) -> list[str]:
    """Return the keys of levels that no experiment has, or of all levels."""
    known: dict[str, set[str]] = {}
    for name in experiments:
        for factor in study.experiment(name).factors:
            known.setdefault(factor.name, set()).update(factor.levels)
    absent = [f for f, level in out.levels.items() if level not in known.get(f, ())]
    factors = absent or list(out.levels)
    return list(dict.fromkeys(key for f in factors for key in out.from_key.get(f, ())))


def _shape(study: Study, experiment: str) -> str:
    factors = study.experiment(experiment).factors
    levels = ", ".join(f"{factor.name} {'|'.join(factor.levels)}" for factor in factors)
    return f"{experiment}: {levels}"


def refuse_if(problems: list[str], file: str) -> None:
    """Refuse a file for all its problems at once.

    Raises:
        ImportParamsError: there are some.
    """
    if problems:
        lines = "\n".join(f"  - {problem}" for problem in problems)
        raise ImportParamsError(f"{file} cannot be imported:\n{lines}")


class ImportParamsError(XenograftError):
    """What a repository was run with cannot be imported as it is; the message lists the reasons."""
