"""Runs of one MLflow experiment: found by tag, made once, written in batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from orchestrator.tracking import names
from orchestrator.tracking.entities import tag_list
from trainables.errors import TrackingError

RunStatus = Literal["RUNNING", "FINISHED", "KILLED", "FAILED"]


class RefusedError(TrackingError):
    """Something can never be delivered, and waiting would hold up all that comes after it."""


@dataclass(frozen=True, kw_only=True)
class Runs:
    """The runs that one ledger has in one experiment.

    Args:
        client: an ``MlflowClient``.
        experiment: id of the experiment.
        ledger: id of the ledger; two ledgers of one study never share a run.
    """

    client: Any
    experiment: str
    ledger: str

    def find(self, tag: str, value: str) -> str | None:
        """Return the id of the run whose tag has a value, None if there is none."""
        kind = names.KIND
        wanted = {tag: value, names.LEDGER: self.ledger, kind: tag.removeprefix(names.PREFIX)}
        text = " and ".join(f"tags.`{key}` = '{item}'" for key, item in wanted.items())
        found = self.client.search_runs([self.experiment], text, max_results=1)
        return found[0].info.run_id if found else None

    def make(self, name: str, t: int, tags: Mapping[str, str]) -> str:
        """Make a run with the tags it is found by, and return its id."""
        run = self.client.create_run(
            self.experiment,
            start_time=t,
            tags={**tags, names.LEDGER: self.ledger},
            run_name=name,
        )
        run_id: str = run.info.run_id
        return run_id

    def log(
        self,
        run_id: str,
        *,
        metrics: Sequence[Any] = (),
        params: Sequence[Any] = (),
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Write metrics, parameters and tags together."""
        self.client.log_batch(run_id, metrics, params, tag_list(tags or {}))

    def tag_experiment(self, tags: Mapping[str, str]) -> None:
        """Write tags of the experiment; equal ones are replaced by themselves."""
        for name, value in tags.items():
            self.client.set_experiment_tag(self.experiment, name, value)

    def reopen(self, run_id: str) -> None:
        """Set an ended run to running."""
        self.client.update_run(run_id, status="RUNNING")

    def end(self, run_id: str, status: RunStatus, t: int) -> None:
        """Set how and when a run ended."""
        self.client.set_terminated(run_id, status=status, end_time=t)

    def add_inputs(self, run_id: str, datasets: Sequence[Any]) -> None:
        """Tie data sets to a run; MLflow keeps one of equal name and digest."""
        if datasets:
            self.client.log_inputs(run_id, list(datasets))

    def upload(self, run_id: str, file: Path, folder: str | None = None) -> None:
        """Store a file under the run; one of the same name is replaced.

        Args:
            folder: where among the run's artifacts, if not at their top.

        Raises:
            RefusedError: the store answers, but the place where it keeps files does not take it.
        """
        try:
            self.client.log_artifact(run_id, str(file), folder)
        except Exception as error:
            self.client.get_run(run_id)  # raises when it is the store that cannot be reached
            raise RefusedError(f"{file.name} of run {run_id} not stored: {error}") from error
