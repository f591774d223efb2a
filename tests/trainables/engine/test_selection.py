"""Which validation decides, when there are several an epoch, and how a run ends early."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from trainables.context import Context, Locations
from trainables.engine.config import FitConfig, ScheduleConfig
from trainables.engine.loop import Training, fit
from trainables.engine.selection import Best

# Five batches of four an epoch.
X = torch.randn(20, 3, generator=torch.Generator().manual_seed(0))
Y = (X.sum(dim=1) > 0).long()


class Recorder:
    """A training whose validation values are given, and everything it was asked."""

    def __init__(self, folder: Path, locations: Locations, values: Sequence[float]) -> None:
        torch.manual_seed(0)
        self.model = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5), nn.Linear(4, 2))
        self.initial = {k: v.clone() for k, v in self.model.state_dict().items()}
        self.values, self.asked, self.steps = list(values), 0, 0
        self.validated_at: list[int] = []
        self.states: list[dict[str, Tensor]] = []
        self.modes: list[bool] = []
        self.reports: list[tuple[int, dict[str, float]]] = []
        self.context = Context.local(folder, locations, seed=3)

    def loss(self, module: nn.Module, batch: Tensor) -> Tensor:
        self.steps += 1
        self.modes.append(self.model[1].training)
        return functional.cross_entropy(module(X[batch]), Y[batch])

    def evaluate(self, _step: int) -> dict[str, float]:
        self.model.eval()  # as a prediction that leaves the model so would
        self.validated_at.append(self.steps)
        self.states.append({k: v.clone() for k, v in self.model.state_dict().items()})
        value = self.values[self.asked]
        self.asked += 1
        return {"val/kappa": value, "val/loss": 1 - value, "val/number": float(self.asked)}

    def fit(self, stop_at: int | None = None, **settings: Any) -> Best | None:
        def send(step: int, metrics: Mapping[str, float]) -> None:
            self.reports.append((step, dict(metrics)))
            if step == stop_at:
                raise SystemExit

        self.context.send = send
        training: Training[Tensor] = Training(
            cases=len(X), batches=iter, loss=self.loss, evaluate=self.evaluate
        )
        config = FitConfig(
            **{"epochs": 2, "batch_size": 4, "selection_metric": "val/kappa", **settings}
        )
        try:
            return fit(self.model, training, config, self.context)
        except SystemExit:
            return None


@pytest.mark.parametrize(
    ("val_every", "steps"),
    [
        (1.0, [5, 10]),
        (0.5, [2, 4, 5, 6, 8, 10]),
        (0.6, [3, 5, 6, 9, 10]),
        (0.01, list(range(1, 11))),
    ],
)
def test_validates_at_whole_steps_and_at_the_end_of_each_epoch(
    tmp_path: Path, locations: Locations, val_every: float, steps: list[int]
) -> None:
    recorder = Recorder(tmp_path / "trial", locations, [0.1] * 10)
    recorder.fit(val_every=val_every)
    assert recorder.validated_at == steps
    assert all(recorder.modes)


def test_a_report_is_of_the_best_validation_of_its_epoch(
    tmp_path: Path, locations: Locations
) -> None:
    recorder = Recorder(tmp_path / "trial", locations, [0.2, 0.6, 0.5, math.nan, 0.3, 0.3])
    best = recorder.fit(val_every=0.5)
    assert best is not None
    assert [(s, m["val/kappa"], m["val/number"]) for s, m in recorder.reports] == [
        (1, 0.6, 2),
        (2, 0.3, 5),
    ]
    assert (best.value, best.epoch) == (0.6, 1)
    assert all(torch.equal(v, recorder.states[1][k]) for k, v in best.model.items())


@pytest.mark.parametrize(
    ("values", "kept"),
    [
        ([0.5004, 0.5011], 1),  # 0.500, then 0.501
        ([0.5001, 0.5004], 0),  # both 0.500: the earlier stays
        ([0.0004, 0.2], 1),
    ],
)
def test_paper_selection_compares_three_decimals(
    tmp_path: Path, locations: Locations, values: list[float], kept: int
) -> None:
    recorder = Recorder(tmp_path / "trial", locations, values)
    best = recorder.fit(selection="paper")
    assert best is not None
    assert best.epoch == kept + 1
    assert all(torch.equal(v, recorder.states[kept][k]) for k, v in best.model.items())


@pytest.mark.parametrize("values", [[0.0, 0.0004], [-0.2, math.nan]])
def test_paper_selection_keeps_initial_weights_of_a_run_that_never_rises_above_0(
    tmp_path: Path, locations: Locations, values: list[float]
) -> None:
    recorder = Recorder(tmp_path / "trial", locations, values)
    best = recorder.fit(selection="paper")
    assert best is not None
    assert (best.value, best.epoch) == (0, 0)
    for name, tensor in recorder.model.state_dict().items():
        assert torch.equal(tensor, recorder.initial[name])


STOPPING: dict[str, Any] = {
    "epochs": 9,
    "val_every": 0.5,
    "schedule": ScheduleConfig(name="plateau", patience=0, stop_below_lr=1e-4),
}


def test_ends_early_below_the_lowest_rate(tmp_path: Path, locations: Locations) -> None:
    """Judged before each epoch's last step: better than nothing, 1e-4, would be 1e-5."""
    recorder = Recorder(tmp_path / "trial", locations, [0.5] * 40)
    recorder.fit(**STOPPING)
    rates = [metrics["train/lr"] for _, metrics in recorder.reports]
    assert rates == pytest.approx([1e-3, 1e-3, 1e-4])


@pytest.mark.parametrize("stop_at", [1, 2, 3, 4])
def test_goes_on_bit_for_bit_with_all_of_it(
    tmp_path: Path, locations: Locations, stop_at: int
) -> None:
    settings = {**STOPPING, "selection": "paper", "clip_norm": 0.5, "drop_last": True}
    values = [0.1, 0.1, 0.3, *[0.3] * 37]
    whole = Recorder(tmp_path / "whole", locations, values)
    expected = whole.fit(**settings)
    first = Recorder(tmp_path / "trial", locations, values)
    assert first.fit(stop_at=stop_at, **settings) is None
    second = Recorder(tmp_path / "trial", locations, values[first.asked :])
    got = second.fit(**settings)
    assert expected is not None
    assert got is not None
    assert (got.value, got.epoch) == (expected.value, expected.epoch)
    assert all(torch.equal(v, expected.model[k]) for k, v in got.model.items())
    # All reports are made again: they may not have been heard.
    together = [(s, m["train/loss"], m["train/lr"]) for s, m in second.reports]
    assert together == [(s, m["train/loss"], m["train/lr"]) for s, m in whole.reports]


def test_a_plateau_of_the_loss_is_judged_by_the_loss(tmp_path: Path, locations: Locations) -> None:
    recorder = Recorder(tmp_path / "trial", locations, [0.5, 0.6, 0.4, 0.4, 0.4])
    recorder.fit(epochs=5, schedule=ScheduleConfig(name="plateau", patience=0, plateau_on="loss"))
    rates = [metrics["train/lr"] for _, metrics in recorder.reports]
    # Epoch e judges the validation of epoch e - 1: the third was the first to be worse.
    assert rates == pytest.approx([1e-3, 1e-3, 1e-3, 1e-3, 1e-4])


def test_the_lowest_value_can_be_the_best_and_the_first_of_equals_wins(
    tmp_path: Path, locations: Locations
) -> None:
    recorder = Recorder(tmp_path / "trial", locations, [0.5, 0.2, 0.2, math.nan, 0.3])
    best = recorder.fit(epochs=5, selection="lowest")
    assert best is not None
    assert (best.value, best.epoch) == (-0.2, 2)
    assert [metrics["val/kappa"] for _, metrics in recorder.reports][1] == 0.2
