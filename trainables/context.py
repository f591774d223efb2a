"""What a trial may know of the world: its seed, folder, device, inputs, and how to report.

The same object serves a notebook (:meth:`Context.local`), a Tune trial and a rank of a DDP group;
a trainable cannot tell which.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from trainables.errors import SealedTestError, XenograftError

if TYPE_CHECKING:
    from trainables.data.artifact_store import ArtifactStore

State = dict[str, Any]
"""Nested dict of tensors, numbers, strings, lists: what a checkpoint holds."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Locations:
    """Where things are on this machine; never part of an identity.

    Args:
        data: folder that holds one prepared data set per sub-folder.
        weights: folder searched for weight files the user brings.
        store: folder of the content-addressed store (features, generated pixels).
        hub: whether weights may be fetched from a model hub; never attempted when offline.
    """

    data: Path
    weights: Path
    store: Path
    hub: Literal["offline", "online"] = "offline"


_STATE, _REPORTS = "state", "reports"
"""What a checkpoint of a trial holds: its state, and a (step, metrics) for each report so far."""


class Send(Protocol):
    """Carry one report out of the trial; may raise SystemExit when the trial is stopped."""

    def __call__(self, step: int, metrics: Mapping[str, float]) -> None: ...


class NonFiniteLossError(XenograftError):
    """The training loss, or an output of the model, became NaN or infinite."""


@dataclass(kw_only=True)
class Context:
    """The world of one trial.

    Args:
        trial_id: identity of the trial, without any location.
        seed: the only source of randomness a trainable may use.
        folder: the trial's own folder; nothing else may be written, except through ``store``.
        locations: where data, weights and the shared store are.
        replicate: index of the repetition, 0 in a search; shared by the cells of a study, unlike
            the seed, so that they can start from the same redrawn weights.
        final: True for replicates, which may read the test split once, at their end.
        inputs: artifact folders of the cells this one needs, by the name the study gave them.
        rank, world_size: position in the DDP group (0 of 1 outside one).
        device: torch device string of this rank.
        loader_workers: processes of this rank that decode pictures in files.
        checkpoint_every: checkpoint at steps that are a multiple of this.
        micro_batches: compute each batch in this many parts, to need less memory; no part of what
            the trial is, since the step it takes is the same.
        compile: train with compiled networks, where a trainable can; no part of what the trial is
            either.
        splittable: set by the training loop: whether it can compute a batch in parts.
    """

    trial_id: str
    seed: int
    folder: Path
    locations: Locations
    replicate: int = 0
    final: bool = False
    inputs: Mapping[str, Path] = field(default_factory=dict)
    rank: int = 0
    world_size: int = 1
    device: str = "cpu"
    loader_workers: int = 0
    checkpoint_every: int = 1
    micro_batches: int = 1
    compile: bool = False
    splittable: bool = False
    send: Send | None = None
    _reports: list[tuple[int, dict[str, float]]] = field(default_factory=list, init=False)

    @classmethod
    def local(
        cls, folder: Path, locations: Locations, seed: int = 0, final: bool = True
    ) -> Context:
        """Make a context for a notebook or a bare machine: reports are only kept in the folder."""
        return cls(trial_id=folder.name, seed=seed, folder=folder, locations=locations, final=final)

    @property
    def is_main(self) -> bool:
        """Whether this rank writes checkpoints and reports."""
        return self.rank == 0

    @property
    def store(self) -> ArtifactStore:
        """The content-addressed store shared by all trials."""
        from trainables.data.artifact_store import ArtifactStore

        return ArtifactStore(self.locations.store)

    def report(
        self,
        step: int,
        metrics: Mapping[str, float],
        state: Callable[[], State] | None = None,
    ) -> None:
        """Checkpoint, then report, so that at most the steps since the last checkpoint are lost.

        The checkpoint holds all reports too: :meth:`resume` makes them again, as whoever carries
        them may have died before they were heard. Every rank calls this equally often. ``metrics``
        are finite or NaN scalars named ``val/...``, ``train/...``, ``perf/...``; ``state`` is
        called only when a checkpoint is due.
        """
        leaked = [name for name in metrics if name.startswith("test")]
        if leaked:
            raise SealedTestError(f"{leaked} may only be in what run() returns, never in a report")
        self._reports.append((step, _floats(metrics)))
        if state is not None and self.is_main and step % self.checkpoint_every == 0:
            from trainables.engine.checkpoint import save_checkpoint

            saved = {_STATE: state(), _REPORTS: self._reports}
            save_checkpoint(self.folder / "checkpoints", step, saved)
        if self.send is not None:
            self.send(*self._reports[-1])

    def resume(self) -> tuple[int, State] | None:
        """Return (step, state) of the newest whole checkpoint, or None at a fresh start.

        Makes the reports up to that step again, which whoever heard them ignores; every rank calls
        this equally often, before it reports.
        """
        from trainables.engine.checkpoint import load_newest_checkpoint

        found = load_newest_checkpoint(self.folder / "checkpoints")
        if self.world_size > 1:
            from torch import distributed

            # A rank that came later would find what another one has written since.
            distributed.barrier()
        if found is None:
            return None
        step, saved = found
        self._reports = saved[_REPORTS]
        if self.send is not None:
            for report in self._reports:
                self.send(*report)
        return step, saved[_STATE]

    def open_test(self) -> None:
        """Allow reading the test split.

        Raises:
            SealedTestError: this is a search trial.
        """
        if not self.final:
            raise SealedTestError(f"trial {self.trial_id} is a search trial: test data is sealed")

    def require_finite(self, loss: float, step: int) -> None:
        """Fail the trial when its loss is not a number any more.

        Raises:
            NonFiniteLossError: loss is NaN or infinite.
        """
        if not math.isfinite(loss):
            raise NonFiniteLossError(f"trial {self.trial_id}: loss is {loss} at step {step}")

    @property
    def artifacts(self) -> Path:
        """Folder for what other cells and the model registry use (made on first access)."""
        folder = self.folder / "artifacts"
        folder.mkdir(parents=True, exist_ok=True)
        return folder


def _floats(metrics: Mapping[str, float]) -> dict[str, float]:
    return {name: float(value) for name, value in metrics.items()}
