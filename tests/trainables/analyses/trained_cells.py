"""A trial that fine-tunes, and analyses of what it leaves, as a study would run them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trainables import classify
from trainables.config import BackboneRef, DataRef
from trainables.context import Context, Locations
from trainables.engine.config import OptimizerConfig
from trainables.registry import load_trainable

DATA = DataRef(name="fundus", domains=("camera_0",), limit=20)


@dataclass(kw_only=True)
class Ran:
    """What a trial reported, returned, and left."""

    artifacts: Path
    reports: list[dict[str, float]] = field(default_factory=list)
    final: dict[str, float] = field(default_factory=dict)

    def read(self, name: str) -> Any:
        """Return a JSON artifact; a NaN in it is an error."""

        def refuse(constant: str) -> None:
            raise ValueError(constant)

        text = (self.artifacts / name).read_text(encoding="utf-8")
        return json.loads(text, parse_constant=refuse)


def run(
    config: Any, folder: Path, locations: Locations, inputs: Mapping[str, Path] | None = None
) -> Ran:
    """Run a replicate."""
    ran = Ran(artifacts=folder / "artifacts")
    context = Context.local(folder, locations, seed=4)
    context.inputs = inputs or {}
    context.send = lambda _step, metrics: ran.reports.append(dict(metrics))
    ran.final = load_trainable(config.trainable).run(config, context)
    return ran


def fine_tune(card: str, folder: Path, locations: Locations, **changes: Any) -> Ran:
    """Train for a moment, from random weights, keeping the initial state."""
    settings: dict[str, Any] = {
        "backbone": BackboneRef(card=card),
        "data": DATA,
        "epochs": 2,
        "batch_size": 8,
        "image_size_px": 32,
        "optimizer": OptimizerConfig(lr=1e-3),
        "keep_initial": True,
    }
    return run(classify.Config(**{**settings, **changes}), folder, locations)
