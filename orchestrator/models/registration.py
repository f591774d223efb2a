"""Registers the model of every cell that is completed, once, as the ledger is delivered.

Nothing here is remembered: what is to be registered follows from the ledger, and what has been
from the tags of the versions in the store. A version is made after its files are there, and marked
after its alias is set, so a delivery that was cut short is completed by the next one.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from orchestrator.events import CellEndEvent
from orchestrator.models.card import model_card, short_card
from orchestrator.models.champion import Champion, choose_champion
from orchestrator.models.facts import model_facts
from orchestrator.models.flavour import write_flavour
from orchestrator.models.names import CARD, CHAMPION, registered_name
from orchestrator.tracking import names as tags
from orchestrator.tracking.history import History
from orchestrator.tracking.runs import RefusedError, Runs
from trainables.config import digest
from trainables.context import Locations
from trainables.errors import XenograftError
from trainables.predictors.package import FACTS, package_files

_DONE = tags.PREFIX + "registered"
"""Tag of a version that has all it needs."""

_COMPLETION = tags.PREFIX + "completion"
_KIND = tags.PREFIX + "kind"
_STUDY = tags.PREFIX + "study"
_MAX_DESCRIPTION = 5000  # characters, of MLflow's database


@dataclass(frozen=True, kw_only=True)
class ModelRegistry:
    """Registers champions.

    Args:
        study: whose models they are.
        locations: where weights are that a model takes along.
    """

    study: str
    locations: Locations

    def register(self, end: CellEndEvent, history: History, folder: Path, runs: Runs) -> None:
        """Register the champion of a cell that ended, if it left a model.

        A smoke run leaves none worth keeping.

        Args:
            folder: of the study.

        Raises:
            RefusedError: its files are damaged or gone, or the store cannot take them.
        """
        if history.session is not None and history.session.selection.get("smoke"):
            return
        try:
            champion = choose_champion(end, history, folder)
            if champion is None:
                return
            others = [
                folder / r.end.artifacts for r in history.replicates.values() if r.end.artifacts
            ]
            self._register(champion, others, runs)
        except XenograftError as error:
            if isinstance(error, RefusedError):
                raise
            raise RefusedError(
                f"the model of cell {end.cell} is not registered: {error}"
            ) from error

    def _register(self, champion: Champion, others: Sequence[Path], runs: Runs) -> None:
        trial = champion.best.start.trial
        run = runs.find(tags.TRIAL, trial)
        if run is None:
            raise RefusedError(f"the store has no run of trial {trial}, whose model is a champion")
        completion = digest([champion.cell.cell, champion.end.replicates])
        names = self._names(champion)
        about = _Version(
            source=f"{runs.client.get_run(run).info.artifact_uri}/{_folder(completion)}",
            run=run,
            tags=_version_tags(champion, completion, runs),
            study=self.study,
        )
        missing = [name for name in names if not about.is_done(runs.client, name)]
        if not missing:
            return
        facts = model_facts(champion, names)
        card = model_card(facts, champion.replicates)
        files = package_files(champion.folder, self.locations, others)
        _upload(files, facts, card, _Target(runs, run, _folder(completion)), champion.end)
        for name in missing:
            about.register(runs, name, short_card(card, _MAX_DESCRIPTION))

    def _names(self, champion: Champion) -> list[str]:
        found = (
            registered_name(self.study, place["experiment"], place["levels"], twin=champion.twin)
            for place in champion.cell.places
        )
        return list(dict.fromkeys(found))


class _Target(NamedTuple):
    """Where files go: a run, and a folder among its artifacts."""

    runs: Runs
    run: str
    folder: str

    def upload(self, file: Path, below: str = "") -> None:
        self.runs.upload(self.run, file, Path(self.folder, below).as_posix())


def _upload(
    files: Mapping[str, Path],
    facts: Mapping[str, Any],
    card: str,
    target: _Target,
    end: CellEndEvent,
) -> None:
    for path, file in files.items():
        target.upload(file, Path(path).parent.as_posix())
    with tempfile.TemporaryDirectory() as made:
        (Path(made) / CARD).write_text(card, encoding="utf-8")
        (Path(made) / FACTS).write_text(json.dumps(facts, indent=1), encoding="utf-8")
        write_flavour(Path(made), facts, made=end.t, identity=digest([end.cell, end.t])[:32])
        for file in sorted(Path(made).iterdir()):
            target.upload(file)


def _folder(completion: str) -> str:
    """Return where among a run's artifacts a model lies; each completion has one of its own."""
    return f"model-{completion[:8]}"


def _version_tags(champion: Champion, completion: str, runs: Runs) -> Mapping[str, str]:
    """Return few tags, as the UI shows all; that of the completion is no other version's."""
    return {
        _COMPLETION: f"{runs.ledger}/{completion}",
        tags.TRIAL: champion.best.start.trial,
        _KIND: champion.kind,
    }


@dataclass(frozen=True, kw_only=True, slots=True)
class _Version:
    """A version of a registered model, whether it is there or not.

    Args:
        source: where its files are.
    """

    source: str
    run: str
    study: str
    tags: Mapping[str, str]

    def is_done(self, client: Any, name: str) -> bool:
        """Return whether it is registered under a name and needs nothing more."""
        found = self._find(client, name)
        return found is not None and _DONE in found.tags

    def register(self, runs: Runs, name: str, description: str) -> None:
        """Make it the champion of a name."""
        client = runs.client
        found = self._find(client, name) or self._make(client, name, description)
        client.set_registered_model_alias(name, CHAMPION, found.version)
        runs.log(self.run, tags={tags.MODEL: f"{name}/{found.version}"})
        client.set_model_version_tag(name, found.version, _DONE, "true")

    def _find(self, client: Any, name: str) -> Any:
        for found in client.search_model_versions(f"name = '{name}'"):
            if found.tags.get(_COMPLETION) == self.tags[_COMPLETION]:
                return found
        return None

    def _make(self, client: Any, name: str, description: str) -> Any:
        if not client.search_registered_models(f"name = '{name}'"):
            client.create_registered_model(name, tags={_STUDY: self.study})
        return client.create_model_version(
            name, self.source, self.run, tags=dict(self.tags), description=description
        )
