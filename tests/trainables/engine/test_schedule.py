"""Schedules against PyTorch's, against sequences of published code, and across a resume."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import nn

from trainables.engine.config import OptimizerConfig, ScheduleConfig
from trainables.engine.optimizer import create_optimizer
from trainables.engine.plateau import Plateau
from trainables.engine.schedule import Schedule
from trainables.errors import ConfigError


def schedule_of(config: ScheduleConfig, steps: int, epochs: int = 1, lr: float = 2.0) -> Schedule:
    optimizer = create_optimizer(nn.Linear(1, 1), OptimizerConfig(name="sgd", lr=lr))
    return Schedule(optimizer, config, steps, epochs)


def rates(
    schedule: Schedule, targets: Sequence[float] = (), every: int = 0, start: int = 0
) -> list[float]:
    """Return the rates of all steps; after each ``every`` steps a validation is observed."""
    seen = []
    for step in range(start + 1, schedule.total + 1):
        lrs = {group["lr"] for group in schedule.optimizer.param_groups}
        assert lrs == {schedule.rate}
        seen.append(schedule.rate)
        schedule.optimizer.step()
        schedule.step()
        if every and step % every == 0:
            target = targets[step // every - 1]
            schedule.observe(target, 1 - target)
    return seen


def config_of(case: dict[str, Any]) -> ScheduleConfig:
    """Translate a case of the published code's configuration."""
    names = {
        "ReduceLROnPlateau": "plateau",
        "MultiStepLR": "multi_step",
        "CosineAnnealingLR": "cosine",
        "OneCycleLR": "one_cycle",
    }
    values: dict[str, Any] = {"name": "constant"}
    for kind in filter(None, case["types"]):
        given = case["params"][kind]
        if kind == "LinearWarmup":
            values |= {
                "warmup_steps": given["warmup_iters"],
                "warmup_epochs": given["warmup_epochs"],
                "warmup_overshoot": True,
            }
            continue
        values["name"] = names[kind]
        if kind == "ReduceLROnPlateau":
            on = "selection_metric" if given["mode"] == "max" else "loss"
            values |= {"factor": given["factor"], "patience": given["patience"], "plateau_on": on}
        elif kind == "MultiStepLR":
            values |= {"milestones": tuple(given["milestones"]), "factor": given["gamma"]}
        elif kind == "CosineAnnealingLR":
            values["min_lr"] = given["eta_min"]
        else:
            # The published factor divides the rate the cycle starts from.
            values["min_lr"] = 1e-8 / given["final_div_factor"]
    return ScheduleConfig(**values)


@pytest.mark.parametrize(
    "name",
    [
        "warmup_only",
        "warmup_epochs_win",
        "warmup_plateau_validation_each_half_epoch",
        "plateau_min_mode_on_loss",
        "multistep",
        "warmup_cosine",
        "cosine",
        "one_cycle_shipped_parameters",
        "none",
    ],
)
def test_rates_conform(golden: Callable[[str], Any], name: str) -> None:
    (case,) = [case for case in golden("lr_schedule")["cases"] if case["id"] == name]
    schedule = schedule_of(config_of(case), case["steps_per_epoch"], case["epochs"], case["lr"])
    got = rates(
        schedule, case.get("validation_targets", ()), case.get("validate_every_iterations", 0)
    )
    assert got == pytest.approx(case["lr_used_at_iteration"], rel=1e-7)


def test_overshoot_without_a_warmup_is_refused(golden: Callable[[str], Any]) -> None:
    """The published code falls back to one step there, and to twice the rate."""
    (case,) = [c for c in golden("lr_schedule")["cases"] if c["id"] == "warmup_none_given"]
    with pytest.raises(ConfigError, match="warmup_overshoot needs"):
        config_of(case)


def test_warmup_is_linear_and_reaches_the_rate() -> None:
    schedule = schedule_of(ScheduleConfig(name="constant", warmup_steps=4), 6)
    assert rates(schedule) == pytest.approx([0.5, 1.0, 1.5, 2.0, 2.0, 2.0])


def test_cosine_equals_torch_cosine_annealing() -> None:
    optimizer = torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=2.0)
    reference = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=10, eta_min=0.1)
    expected = []
    for _ in range(10):
        expected.append(reference.get_last_lr()[0])
        optimizer.step()
        reference.step()
    config = ScheduleConfig(name="cosine", min_lr=0.1)
    assert rates(schedule_of(config, 10)) == pytest.approx(expected)


def test_cosine_starts_after_the_warmup() -> None:
    seen = rates(schedule_of(ScheduleConfig(name="cosine", warmup_steps=2), 6))
    tail = [1 + math.cos(math.pi * i / 4) for i in range(4)]
    assert seen == pytest.approx([1.0, 2.0, *tail])


@pytest.mark.parametrize("total", [7, 20])
def test_one_cycle_equals_torch_one_cycle(total: int) -> None:
    optimizer = torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=2.0)
    reference = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=2.0, total_steps=total, anneal_strategy="linear",
        div_factor=2.0 / 1e-8, final_div_factor=1e-8 / 0.5,
    )  # fmt: skip
    expected = [reference.get_last_lr()[0]]
    for _ in range(total - 1):
        optimizer.step()
        reference.step()
        expected.append(reference.get_last_lr()[0])
    config = ScheduleConfig(name="one_cycle", min_lr=0.5)
    assert rates(schedule_of(config, total)) == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("mode", ["max", "min"])
def test_plateau_ends_when_torch_reduces(mode: Any, seed: int) -> None:
    optimizer = torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=1.0)
    reference = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, mode=mode, factor=0.9, patience=2
    )
    mine = Plateau(patience=2, larger_is_better=mode == "max")
    values = torch.rand(60, generator=torch.Generator().manual_seed(seed)).round(decimals=1)
    for value in [*values.tolist()[:30], math.nan, *values.tolist()[30:]]:
        before = optimizer.param_groups[0]["lr"]
        reference.step(value)
        assert mine.check(value) == (optimizer.param_groups[0]["lr"] < before)


def test_reductions_during_the_warmup_last() -> None:
    """Bad epochs count from the start; what the warm-up adds afterwards is not scaled."""
    config = ScheduleConfig(name="plateau", patience=0, warmup_steps=5, warmup_overshoot=True)
    schedule = schedule_of(config, 2, 5, lr=5.0)
    seen = rates(schedule, [0.0] * 10, every=1)
    # Judged at steps 1, 3, 5, ...: the second of them is the first without an improvement.
    expected = [1, 2, 3, 0.4, 1.4, 0.24, 0.24, 0.024, 0.024, 0.0024]
    assert seen == pytest.approx(expected, rel=1e-6)


def test_run_ends_instead_of_going_below_the_bound() -> None:
    config = ScheduleConfig(name="plateau", patience=0, stop_below_lr=1e-6)
    schedule = schedule_of(config, 2, 9, lr=1e-4)
    ends = []
    for _ in range(4):
        schedule.step()
        schedule.step()
        ends.append((schedule.rate, schedule.exhausted))
    expected = [1e-4, 1e-5, 1e-6, 1e-6]
    assert [rate for rate, _ in ends] == pytest.approx(expected)
    assert [ended for _, ended in ends] == [False, False, False, True]


@pytest.mark.parametrize("stop", [3, 11, 24])
@pytest.mark.parametrize(
    "config",
    [
        ScheduleConfig(name="plateau", patience=1, warmup_steps=4, warmup_overshoot=True),
        ScheduleConfig(name="plateau", patience=1, plateau_on="loss"),
        ScheduleConfig(name="multi_step", milestones=(2, 3), warmup_epochs=1),
        ScheduleConfig(name="cosine", warmup_steps=7),
        ScheduleConfig(name="one_cycle"),
    ],
)
def test_goes_on_from_its_state_bit_for_bit(config: ScheduleConfig, stop: int) -> None:
    targets = [0.5, 0.6, 0.6, 0.55, 0.7, 0.6, 0.6, 0.6, 0.6]
    whole = schedule_of(config, 10, 3)
    expected = rates(whole, targets, every=5)
    first, second = schedule_of(config, 10, 3), schedule_of(config, 10, 3)
    for step in range(1, stop + 1):
        first.step()
        if step % 5 == 0:
            first.observe(targets[step // 5 - 1], 1 - targets[step // 5 - 1])
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    assert rates(second, targets, every=5, start=stop) == expected[stop:]
    same = json.dumps(second.state_dict()) == json.dumps(whole.state_dict())
    assert same


@pytest.mark.parametrize("warmup", [{"warmup_steps": 5}, {"warmup_epochs": 1}])
def test_warmup_longer_than_the_run_is_refused(warmup: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match=r"warmup_(steps|epochs).*only 5 steps"):
        schedule_of(ScheduleConfig(**warmup), 5)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"name": "steps"}, "schedule.name"),
        ({"warmup_steps": -1}, "warmup_steps"),
        ({"factor": 1.0}, "factor"),
        ({"min_lr": -1.0}, "min_lr"),
        ({"patience": -1}, "patience"),
        ({"plateau_on": "accuracy"}, "plateau_on"),
        ({"name": "one_cycle", "warmup_steps": 3}, "no warm-up"),
        ({"name": "multi_step"}, "milestones"),
        ({"name": "cosine", "milestones": (2,)}, "milestones"),
        ({"name": "multi_step", "milestones": (3, 2)}, "must rise"),
        ({"name": "cosine", "stop_below_lr": 1e-6}, "stop_below_lr"),
    ],
)
def test_schedules_that_make_no_sense_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ScheduleConfig(**wrong)


def test_a_warmup_that_may_outlast_the_run_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    optimizer = create_optimizer(nn.Linear(1, 1), OptimizerConfig(lr=1e-5))
    config = ScheduleConfig(name="cosine", warmup_steps=10_000)
    schedule = Schedule(optimizer, config, 855, 10, unfinished_warmup=True)
    assert "will not reach 1e-05" in caplog.text
    seen = rates(schedule)
    # (s + 1) / W of the rate at the last step, s = 8549.
    assert seen[-1] == pytest.approx(8.55e-6)


def test_a_warmup_as_long_as_the_run_ends_at_the_rate() -> None:
    optimizer = create_optimizer(nn.Linear(1, 1), OptimizerConfig(name="sgd", lr=2.0))
    config = ScheduleConfig(name="cosine", warmup_steps=4)
    seen = rates(Schedule(optimizer, config, 4, 1, unfinished_warmup=True))
    assert seen == pytest.approx([0.5, 1.0, 1.5, 2.0])
