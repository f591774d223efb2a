"""From a Hydra command or run to the selection that runs the same, with a line on every key."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.import_hydra.checking import check_given
from orchestrator.import_hydra.data import translate_data
from orchestrator.import_hydra.execution import translate_execution
from orchestrator.import_hydra.given import Given, read_given
from orchestrator.import_hydra.network import translate_network
from orchestrator.import_hydra.places import translate_place
from orchestrator.import_hydra.run import Run, identify
from orchestrator.import_hydra.schema import BLOCKS_NOT_NEEDED, FIXED, NOT_NEEDED, block_of
from orchestrator.import_hydra.training import translate_training
from orchestrator.import_params.cells import differing, find_cell, refuse_if
from orchestrator.import_params.outcome import Imported, Row, table
from orchestrator.import_params.params import Params
from orchestrator.import_params.translation import Translation
from orchestrator.selection import Selection
from search_spaces.medvlsm import STUDY
from search_spaces.study import Cell


def import_hydra(words: Sequence[str]) -> Imported:
    """Translate a command, overrides or a run's file of the repository of ``medvlsm``.

    Raises:
        ConfigError: a file cannot be read.
        ImportParamsError: keys are unknown, missing, or have values without an equivalent.
    """
    given = read_given(words)
    refuse_if([*given.problems, *check_given(given.values)], given.label)
    return _translate(given)


def _translate(given: Given) -> Imported:
    """Translate checked keys to a cell of the study."""
    out = Translation(params=Params(file=given.label, values=given.values))
    run = identify(given, out)
    refuse_if(out.problems, given.label)
    assert run is not None  # otherwise there was a problem
    for part in (translate_network, translate_data, translate_training, translate_execution):
        part(run, out)
    experiments = translate_place(run, out)
    refuse_if(out.problems, given.label)
    cell = find_cell(STUDY, experiments, out)
    if cell is not None and run.mode == "sweep":
        _leave_to_search(cell, out)
    overrides = {} if cell is None else differing(cell, out)
    refuse_if(out.problems, given.label)
    assert cell is not None  # otherwise there was a problem
    _explain_the_rest(out)
    return Imported(
        selection=_selection(run, cell, overrides, out),
        options=tuple(out.options),
        warnings=tuple(out.warnings),
        rows=tuple(_fold(table(out, overrides))),
    )


def _selection(run: Run, cell: Cell, overrides: dict[str, str], out: Translation) -> Selection:
    sweeps = run.mode == "sweep"
    return Selection(
        study=cell.study,
        only={"experiment": (cell.experiment,), **{f: (level,) for f, level in cell.levels}},
        recipe="search" if sweeps else "paper",
        search_trials=out.params.get("hydra.sweeper.n_trials", None) if sweeps else None,
        replicates=1,
        overrides=overrides,
    )


def _leave_to_search(cell: Cell, out: Translation) -> None:
    """Set nothing that the study searches itself."""
    for name in cell.recipe.space:
        if out.config.pop(name, None) is not None:
            out.explain(out.from_key.pop(name), "searched")


def _explain_the_rest(out: Translation) -> None:
    for key in out.params.values:
        block = block_of(key)
        if key in NOT_NEEDED:
            out.explain([key], NOT_NEEDED[key])
        elif key in FIXED:
            out.explain([key], "Xenograft always does it so")
        elif block is not None:
            out.explain([key], BLOCKS_NOT_NEEDED[block])


def _fold(rows: Sequence[Row]) -> list[Row]:
    """Make one row of a block's keys, of which a run's file has dozens."""
    folded: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        block = block_of(row.key)
        name = row.key if block is None else f"{block}.*"
        folded.setdefault((name, row.became), []).append(row)
    return [
        members[0]
        if len(members) == 1
        else Row(key=name, value=f"{len(members)} keys", became=became)
        for (name, became), members in folded.items()
    ]
