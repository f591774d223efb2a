"""Gives back the places of a group of ranks that could not be set up.

Ray Train forgets them when a rank dies, or cannot take its work, after the places are taken and
before the group is at work. They stay taken, and where there is no room for a second group the next
attempt waits for them for ever.
"""

from __future__ import annotations

import os
from typing import Any

from ray.train.v2._internal.constants import RAY_TRAIN_CALLBACKS_ENV_VAR
from ray.train.v2._internal.execution.callback import ControllerCallback, WorkerGroupCallback


class GroupPlaces(ControllerCallback, WorkerGroupCallback):  # type: ignore[misc]
    """Remembers the places of the last group until the controller of its trial ends."""

    def __init__(self) -> None:
        self._places: Any = None

    def after_worker_group_start(self, worker_group: Any) -> None:
        """Take note of the places, once the ranks are there."""
        self._places = worker_group.get_worker_group_state().placement_group_handle

    async def before_controller_shutdown(self) -> None:
        """Give them back, which changes nothing where Ray Train has."""
        if self._places is not None:
            self._places.shutdown()


def watch_places() -> None:
    """Let the trainers of this process have a :class:`GroupPlaces`.

    By the environment, because callbacks named there come before those that set the ranks up.
    """
    os.environ[RAY_TRAIN_CALLBACKS_ENV_VAR] = f"{__name__}.{GroupPlaces.__name__}"
