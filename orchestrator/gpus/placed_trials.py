"""Tells the room of the GPUs which trials have got their place; see ``room.py``."""

from __future__ import annotations

from typing import Any

from ray.tune import Callback

from orchestrator.gpus.room import GpuRoom
from orchestrator.messages import unpack_trial


class PlacedTrials(Callback):  # type: ignore[misc]
    """Tune says when a worker has begun with a trial.

    Args:
        room: shared with the queue.
    """

    def __init__(self, room: GpuRoom) -> None:
        self._room = room

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Take note that a trial runs."""
        del iteration, trials, info
        placed, _ = unpack_trial(trial.config)
        self._room.left_waiting(placed)
