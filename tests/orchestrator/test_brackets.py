"""ASHA of one cell, fed value by value."""

from __future__ import annotations

import random

import pytest

from orchestrator.queue.brackets import Brackets
from search_spaces.study import Budget, Objective

STEPS = 9
BUDGET = Budget(grace_steps=1, reduction=3)


def _brackets(mode: str = "max", budget: Budget = BUDGET, steps: int = STEPS) -> Brackets:
    return Brackets(Objective(metric="val/x", mode=mode), budget, steps)  # type: ignore[arg-type]


def _history(seed: int = 0, trials: int = 12) -> list[tuple[str, int, float]]:
    rng = random.Random(seed)
    order = [(f"t{i}", step) for i in range(trials) for step in range(1, STEPS + 1)]
    rng.shuffle(order)
    order.sort(key=lambda item: item[1])
    return [(trial, step, rng.random()) for trial, step in order]


def _decide(brackets: Brackets, history: list[tuple[str, int, float]]) -> list[bool]:
    known: set[str] = set()
    decisions = []
    for trial, step, value in history:
        if trial not in known:
            brackets.add(trial)
            known.add(trial)
        decisions.append(brackets.stops(trial, step, value))
    return decisions


@pytest.mark.parametrize("mode", ["max", "min"])
def test_the_worse_ones_stop_at_a_rung(mode: str) -> None:
    brackets = _brackets(mode)
    values = {"good": 0.9, "fair": 0.5, "bad": 0.1}
    for trial in values:
        brackets.add(trial)
    order = ["good", "fair", "bad"] if mode == "max" else ["bad", "fair", "good"]
    stopped = {trial: brackets.stops(trial, 1, values[trial]) for trial in order}
    assert stopped == {order[0]: False, order[1]: True, order[2]: True}


def test_a_trial_at_its_last_step_is_never_stopped() -> None:
    history = _history()
    decisions = _decide(_brackets(), history)
    assert any(decisions)
    assert not any(
        stop for stop, (_, step, _) in zip(decisions, history, strict=True) if step == STEPS
    )


@pytest.mark.parametrize("steps", [1, 2])
def test_short_trials_are_never_stopped_at_their_end(steps: int) -> None:
    brackets = _brackets(steps=steps)
    for i in range(6):
        brackets.add(f"t{i}")
        assert not brackets.stops(f"t{i}", steps, -float(i))


def test_no_trial_stops_before_the_grace() -> None:
    history = _history()
    decisions = _decide(_brackets(budget=Budget(grace_steps=4, reduction=3)), history)
    stopped_at = {step for stop, (_, step, _) in zip(decisions, history, strict=True) if stop}
    assert stopped_at
    assert min(stopped_at) >= 4


@pytest.mark.parametrize("cut", [5, 20, 60])
def test_brackets_refilled_from_the_past_decide_the_same(cut: int) -> None:
    history = _history(seed=3)
    whole = _decide(_brackets(), history)
    again = _brackets()
    _decide(again, history[:cut])
    known = {trial for trial, _, _ in history[:cut]}
    rest = []
    for trial, step, value in history[cut:]:
        if trial not in known:
            again.add(trial)
            known.add(trial)
        rest.append(again.stops(trial, step, value))
    assert rest == whole[cut:]
