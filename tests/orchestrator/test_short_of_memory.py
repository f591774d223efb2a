"""Fine-tuning that runs out of memory says that smaller parts would do, and with them goes on."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from local_executor import trial_environment

from orchestrator.messages import Failure, Final, Message, Report
from orchestrator.queue.cell_progress import Work
from orchestrator.trial import _run
from trainables import classify, segment
from trainables.config import BackboneRef, DataRef, canonical
from trainables.context import Locations
from trainables.engine import loop
from trainables.engine.config import OptimizerConfig
from trainables.models import segmenter_twin_recipe

CLASSIFY = classify.Config(
    backbone=BackboneRef(card="deit_t_twin"),
    data=DataRef(name="fundus", domains=("camera_0",), limit=24),
    epochs=2,
    batch_size=8,
    # Its steps are as large as the gradients are: a wrong scale would show.
    optimizer=OptimizerConfig(name="sgd", lr=1e-2),
)
SEGMENT = segment.Config(
    segmenter=BackboneRef(card="clipseg_twin", weights="twin"),
    data=DataRef(name="busi_twin", limit=13),
    epochs=2,
    batch_size=5,
    optimizer=OptimizerConfig(name="sgd", lr=1e-2),
    precision="fp32",
)
WHOLE = dataclasses.replace(CLASSIFY, backbone=BackboneRef(card="resnet18_twin"))


@pytest.fixture(autouse=True)
def untaught_segmenter(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a segmenter knows does not matter here, and to teach it takes half a minute."""
    moment = segmenter_twin_recipe.Lesson(steps=2, lr=1e-3, batch_size=5)
    lessons = segmenter_twin_recipe.Curriculum(
        pictures=40, words=moment, places=moment, matching=moment, masks=moment
    )
    monkeypatch.setattr(segmenter_twin_recipe, "CURRICULUM", lessons)


def _messages(config: Any, folder: Path, locations: Locations, micro_batches: int) -> list[Message]:
    """Run a search trial as a worker does."""
    work = Work(
        trial=f"parts-{micro_batches}",
        cell="c",
        cell_label="c",
        phase="search",
        index=0,
        seed=3,
        trainable=config.trainable,
        config=canonical(config),
        flat_config={},
        params={},
        micro_batches=micro_batches,
    )
    environment = trial_environment(folder, locations)
    sent: list[Message] = []
    _run(work, environment, sent.append, rank=0, world_size=1)
    return sent


def _values(sent: list[Message]) -> Mapping[str, float]:
    assert isinstance(sent[-1], Final)
    last = [message for message in sent if isinstance(message, Report)][-1].metrics
    return {name: value for name, value in last.items() if not name.startswith("perf/")}


def _full_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> object:
        raise MemoryError

    monkeypatch.setattr(loop, "autocast", refuse)


@pytest.mark.parametrize("config", [CLASSIFY, SEGMENT], ids=["classify", "segment"])
def test_parts_train_to_what_whole_batches_train_to(
    config: Any, tmp_path: Path, locations: Locations
) -> None:
    whole = _values(_messages(config, tmp_path, locations, 1))
    parts = _values(_messages(config, tmp_path, locations, 4))
    assert parts == pytest.approx(whole, rel=1e-3, abs=1e-4)


@pytest.mark.parametrize(
    ("config", "splittable"),
    [(CLASSIFY, True), (SEGMENT, True), (WHOLE, False)],
    ids=["classify", "segment", "batch_norms"],
)
def test_the_failure_says_whether_parts_would_do(
    config: Any,
    splittable: bool,
    tmp_path: Path,
    locations: Locations,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _full_memory(monkeypatch)
    (failure,) = _messages(config, tmp_path, locations, 1)
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.splittable) == ("out_of_memory", splittable)
