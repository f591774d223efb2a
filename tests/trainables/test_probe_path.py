"""The probe whose penalty one trial chooses, against probes with one penalty each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from trainables import probe
from trainables.config import BackboneRef, DataRef
from trainables.context import Context, Locations
from trainables.errors import ConfigError
from trainables.regularisation_path import RegularisationPath

BASE: dict[str, Any] = {
    "backbone": BackboneRef(card="resnet18_twin"),
    "data": DataRef(name="fundus", domains=("camera_0",), limit=20),
    "image_size_px": 40,
}
PATH = RegularisationPath(low=1e-4, high=1e1, points=6)


def test_the_first_of_the_best_values_on_validation_is_kept(
    shared_locations: Locations, tmp_path: Path
) -> None:
    context = Context.local(tmp_path / "path", shared_locations, seed=3)
    final = probe.run(probe.Config(**BASE, fit="path", path=PATH), context)
    points = json.loads((context.artifacts / "path.json").read_text())["path"]
    assert tuple(point["inverse_l2"] for point in points) == PATH.inverse_l2()
    accuracies = [point["val/accuracy"] for point in points]
    best = accuracies.index(max(accuracies))
    assert final["chosen/inverse_l2"] == PATH.inverse_l2()[best]
    assert final["chosen/ties"] == accuracies.count(max(accuracies)) - 1

    alone = Context.local(tmp_path / "one", shared_locations, seed=3)
    heard: dict[str, float] = {}
    alone.send = lambda _step, metrics: heard.update(metrics)
    one = probe.Config(**BASE, inverse_l2=PATH.inverse_l2()[best])
    expected = probe.run(one, alone)
    assert heard["val/accuracy"] == pytest.approx(accuracies[best])
    assert final["test/accuracy"] == pytest.approx(expected["test/accuracy"])
    # The classifier that is saved is the chosen one, up to where the solvers stop.
    weights = [
        load_file(folder.artifacts / "model.safetensors")["head.weight"]
        for folder in (context, alone)
    ]
    assert (weights[0] - weights[1]).norm() < 0.02 * weights[1].norm()


def test_values_are_evenly_spaced_in_their_logarithm() -> None:
    assert RegularisationPath(low=0.01, high=100.0, points=5).inverse_l2() == pytest.approx(
        (0.01, 0.1, 1.0, 10.0, 100.0)
    )


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"low": 1.0, "high": 1.0}, "low must be"),
        ({"low": 0.0}, "low must be"),
        ({"high": float("inf")}, "low must be"),
        ({"points": 1}, "points"),
        ({"metric": "test/accuracy"}, "path.metric"),
    ],
)
def test_a_path_that_is_none_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        RegularisationPath(**values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"path": PATH}, "path is of fit=path"),
        ({"fit": "path", "inverse_l2": 1.0}, "inverse_l2 is of fit=logistic"),
        ({"fit": "path", "columns": 7}, "training and columns are of fit=paper"),
        ({"fit": "paper", "path": PATH}, "path is of fit=path"),
    ],
)
def test_settings_of_another_fit_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        probe.Config(**BASE, **values)
