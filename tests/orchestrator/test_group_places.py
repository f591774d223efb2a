"""The places of ranks that could not be set up are free for the next attempt."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator.group_places import GroupPlaces, watch_places


class Places:
    def __init__(self) -> None:
        self.given_back = False

    def shutdown(self) -> None:
        self.given_back = True


def _group(places: Places) -> Any:
    state = SimpleNamespace(placement_group_handle=places)
    return SimpleNamespace(get_worker_group_state=lambda: state)


def test_the_last_places_are_given_back_when_the_controller_ends() -> None:
    watch, places = GroupPlaces(), Places()
    watch.after_worker_group_start(_group(places))
    assert not places.given_back, "the ranks need them"
    asyncio.run(watch.before_controller_shutdown())
    assert places.given_back


def test_a_group_that_never_had_places_has_none_to_give_back() -> None:
    asyncio.run(GroupPlaces().before_controller_shutdown())


def test_it_hears_of_places_before_what_sets_ranks_up(monkeypatch: pytest.MonkeyPatch) -> None:
    from ray.train import ScalingConfig
    from ray.train.torch import TorchTrainer

    monkeypatch.setenv("RAY_TRAIN_CALLBACKS", "")
    trainer = TorchTrainer(lambda: None, scaling_config=ScalingConfig(num_workers=2))
    assert not any(isinstance(c, GroupPlaces) for c in trainer._create_default_callbacks())
    watch_places()
    first, *others = trainer._create_default_callbacks()
    assert isinstance(first, GroupPlaces)
    assert "BackendSetupCallback" in {type(callback).__name__ for callback in others}
