"""The logs of a study's runs under the names of DomainBed, our own and imported ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from orchestrator.domainbed_log import RESULTS, Job, read_log
from orchestrator.domainbed_log.names import DOMAINS, method_of
from orchestrator.report.results import CellResult, PlaceResult, StudyResults, TrialResult
from orchestrator.tracking.names import IMPORTED
from search_spaces.study import Study
from trainables.data.cards import DATA_CARDS

_LOGGING = "generalise"
"""The trainable whose replicates leave such a log."""

_DOMAIN_FACTORS = ("test_domain", "train_domain")


def logged_jobs(results: StudyResults, study: Study) -> list[Job]:
    """Return every job that left a log in the tracking store.

    Raises:
        TrackingError: a log is there and cannot be fetched.
        SweepError: a log is damaged.
    """
    own = [cell for cell in results.cells if cell.trainable == _LOGGING and cell.places]
    jobs: list[Job] = []
    for cell in own:
        jobs += _own_jobs(results, study, cell)
    for cell in results.imported:
        jobs += _imported_jobs(results, study, cell)
    return jobs


def _own_jobs(results: StudyResults, study: Study, cell: CellResult) -> Iterator[Job]:
    """Yield the replicates of a cell, once for every row of the study's tables it stands in."""
    rows = {_row(place): _method(study, place) for place in cell.places}
    for trial in cell.replicates:
        for job in _read(results, trial):
            card = DATA_CARDS.get(job.dataset)
            for setting, method in rows.items():
                yield dataclasses.replace(
                    job,
                    setting=setting,
                    method=method,
                    domains=() if card is None else card.domains,
                    origin=" ".join(cell.labels),
                )


def _row(place: PlaceResult) -> str:
    """Return what places of one row share: all but the domains."""
    levels = {name: x for name, x in place.levels.items() if name not in _DOMAIN_FACTORS}
    return f"{place.experiment} {levels}"


def _imported_jobs(results: StudyResults, study: Study, cell: CellResult) -> Iterator[Job]:
    trials = {t.run_id: t for t in (*cell.replicates, *cell.search, *cell.failed)}
    for trial in trials.values():
        for job in _read(results, trial):
            method = _method(study, cell.places[0]) if cell.places else method_of(job.method)
            yield dataclasses.replace(job, method=method, domains=DOMAINS, origin=IMPORTED)


def _method(study: Study, place: PlaceResult) -> str:
    """Return the titles of a place's levels but those that say which domains."""
    # A table that the study no longer has may still be in the store: its levels have no titles.
    tables = [table for table in study.experiments if table.name == place.experiment]
    factors = {factor.name: factor for table in tables for factor in table.factors}
    return ", ".join(
        factors[name].title(level) if name in factors else level
        for name, level in place.levels.items()
        if name not in _DOMAIN_FACTORS
    )


def _read(results: StudyResults, trial: TrialResult) -> Iterator[Job]:
    text = results.read_text(trial.run_id, RESULTS)
    if text is not None:
        yield read_log(text, f"{RESULTS} of run {trial.run_id}", trial.trial).job
