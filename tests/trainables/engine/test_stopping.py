"""Two signals of one validation: the plateau of the rate, and the end of the run."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from trainables.context import Context, Locations
from trainables.engine.config import EarlyStopping, FitConfig, OptimizerConfig, ScheduleConfig
from trainables.engine.loop import Training, fit
from trainables.engine.optimizer import create_optimizer
from trainables.engine.stopping import Stopping
from trainables.errors import ConfigError

X = torch.linspace(-1, 1, 8)[:, None]
LR = 0.5


class Scripted:
    """A run whose validations follow a script; rate and epoch of every report are kept."""

    def __init__(self, folder: Path, locations: Locations, dice: Sequence[float]) -> None:
        self.context = Context.local(folder, locations, seed=1)
        self.dice = dice
        self.begun: list[int] = []
        self.rates: dict[int, float] = {}
        self.model = nn.Linear(1, 1)

    def fit(self, losses: Sequence[float], stop_at: int = 0, **settings: object) -> None:
        def send(step: int, metrics: Mapping[str, float]) -> None:
            self.rates[step] = metrics["train/lr"]
            if step == stop_at:
                raise SystemExit

        def evaluate(step: int) -> dict[str, float]:
            epoch = step // 2 - 1  # two steps an epoch
            return {"val/dice": self.dice[epoch], "val/loss": losses[epoch]}

        def loss(module: nn.Module, batch: Tensor) -> Tensor:
            predicted: Tensor = module(X[batch])
            return predicted.square().mean()

        self.context.send = send
        training: Training[Tensor] = Training(
            cases=8, batches=iter, loss=loss, evaluate=evaluate, begin_epoch=self.begun.append
        )
        settings = {"early_stopping": EarlyStopping(patience=3, min_epochs=1), **settings}
        config = FitConfig(
            epochs=len(losses),
            batch_size=4,
            optimizer=OptimizerConfig(lr=LR),
            schedule=ScheduleConfig(
                name="epoch_plateau", factor=0.1, patience=1, plateau_on="loss"
            ),
            selection_metric="val/dice",
            **settings,  # type: ignore[arg-type]
        )
        try:
            fit(self.model, training, config, self.context)
        except SystemExit:
            return


# The loss stalls from the 2nd epoch on, Dice from the 5th: the rate falls twice before the end.
LOSSES = [1.0, 0.8, 0.8, 0.9, 0.85, 0.7, 0.7, 0.7, 0.7, 0.7]
DICE = [0.1, 0.2, 0.3, 0.40005, 0.4001, 0.40012, 0.4, 0.4, 0.4, 0.9]


def torch_rates(losses: Sequence[float]) -> list[float]:
    """Return the rate each epoch starts with under PyTorch's own rule."""
    optimizer = torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=LR)
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.1, patience=1)
    rates = []
    for value in losses:
        rates.append(optimizer.param_groups[0]["lr"])
        plateau.step(value)
    return rates


def test_the_plateau_of_the_loss_acts_at_the_epochs_pytorch_would_choose(
    tmp_path: Path, locations: Locations
) -> None:
    run = Scripted(tmp_path / "trial", locations, [i / 20 for i in range(10)])
    run.fit(LOSSES)
    assert list(run.rates.values()) == pytest.approx(torch_rates(LOSSES))
    assert len(set(run.rates.values())) == 3


def test_the_run_ends_when_dice_has_not_improved_for_the_patience(
    tmp_path: Path, locations: Locations
) -> None:
    """After the fourth epoch it gains 0.7e-4 at most, which is no improvement."""
    run = Scripted(tmp_path / "trial", locations, DICE)
    run.fit(LOSSES)
    assert list(run.rates) == [1, 2, 3, 4, 5, 6, 7]
    assert run.begun == [1, 2, 3, 4, 5, 6, 7]


def test_no_run_ends_before_its_least_epochs(tmp_path: Path, locations: Locations) -> None:
    run = Scripted(tmp_path / "trial", locations, [0.5] * 10)
    run.fit(LOSSES, early_stopping=EarlyStopping(patience=2, min_epochs=6))
    assert list(run.rates) == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("stop_at", [1, 3, 4, 6, 7])
def test_a_resumed_run_keeps_both_counts(
    tmp_path: Path, locations: Locations, stop_at: int
) -> None:
    run = Scripted(tmp_path / "trial", locations, DICE)
    run.fit(LOSSES, stop_at=stop_at)
    run.fit(LOSSES)
    assert list(run.rates) == [1, 2, 3, 4, 5, 6, 7]
    assert list(run.rates.values()) == pytest.approx(torch_rates(LOSSES)[:7])


def test_an_undefined_value_is_no_improvement() -> None:
    stopping = Stopping(EarlyStopping(patience=2, min_epochs=1))
    for value in (0.3, math.nan, math.nan):
        assert not stopping.ended(1)
        stopping.observe(value)
    assert stopping.ended(1)


def test_a_run_without_early_stopping_never_ends_early() -> None:
    stopping = Stopping(None)
    for _ in range(50):
        stopping.observe(0.0)
    assert not stopping.ended(50)


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"patience": 0}, "patience"),
        ({"min_epochs": 0}, "min_epochs"),
        ({"min_delta": -1}, "delta"),
    ],
)
def test_impossible_settings_are_refused(values: dict[str, int], key: str) -> None:
    with pytest.raises(ConfigError, match=key):
        EarlyStopping(**values)


def test_decay_can_be_of_everything_that_trains() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.LayerNorm(3))
    optimizer = create_optimizer(model, OptimizerConfig(weight_decay=0.1), decay_all=True)
    (group,) = optimizer.param_groups
    assert group["weight_decay"] == 0.1
    assert len(group["params"]) == 4
