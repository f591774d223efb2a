"""The contract of every trainable, as checks that a test calls with a tiny config.

A trial here runs in this process, with a send() that records reports and can stop the trial the way
the orchestrator does: by raising SystemExit out of a report.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from trainables.config import canonical, digest
from trainables.context import Context, Locations, State
from trainables.registry import config_from, load_trainable


@dataclass(frozen=True, kw_only=True)
class Case:
    """One trainable with a config that takes a second.

    Args:
        objective: what a study would select by.
        steps: how many reports a whole trial makes.
        measures: what a replicate returns where it measures data and predicts nothing.
        analyses: families of metrics a replicate returns beside those of the test.
        headline: the metric of the test that is looked at.
        inputs: configs of trials that leave what this one needs, by its name.
        draws: whether anything is drawn, so that another seed gives other numbers.
    """

    config: Any
    objective: str = "val/accuracy"
    steps: int = 1
    measures: tuple[str, ...] = ()
    analyses: tuple[str, ...] = ()
    headline: str = "test/accuracy"
    inputs: Mapping[str, Any] = field(default_factory=dict)
    draws: bool = True


@dataclass(kw_only=True)
class Outcome:
    """What a trial left behind, without timings."""

    reports: list[tuple[int, dict[str, float]]] = field(default_factory=list)
    stopped: bool = False
    final: dict[str, float] = field(default_factory=dict)
    checkpoint: tuple[int, State] | None = None
    model: dict[str, torch.Tensor] = field(default_factory=dict)


def run_trial(
    case: Case,
    folder: Path,
    locations: Locations,
    *,
    seed: int = 1,
    final: bool = True,
    stop_at: int | None = None,
    rank: int = 0,
    world_size: int = 1,
) -> Outcome:
    """Run a trial, or go on with the one in the folder; ``stop_at`` ends it at a report.

    Of several ranks each calls this, in a process group of the caller's.
    """
    outcome = Outcome()

    def send(step: int, metrics: Mapping[str, float]) -> None:
        timeless = {k: v for k, v in metrics.items() if not k.startswith("perf/")}
        outcome.reports.append((step, timeless))
        if step == stop_at:
            raise SystemExit

    folder.mkdir(parents=True, exist_ok=True)
    context = Context(
        trial_id="trial",
        seed=seed,
        folder=folder,
        locations=locations,
        final=final,
        inputs={name: _left_by(config, seed, locations) for name, config in case.inputs.items()},
        rank=rank,
        world_size=world_size,
        send=send,
    )
    torch.rand(len(str(folder)))  # the global generator must not matter
    try:
        outcome.final = load_trainable(case.config.trainable).run(case.config, context)
    except SystemExit:
        outcome.stopped = True
    context.send = None
    outcome.checkpoint = context.resume()
    weights = folder / "artifacts" / "model.safetensors"
    outcome.model = load_file(weights) if weights.exists() else {}
    return outcome


def check_reports(case: Case, outcome: Outcome) -> None:
    """Every step from 1 is reported once, in order, with the objective and nothing of the test."""
    assert [step for step, _ in outcome.reports] == list(range(1, case.steps + 1))
    for _, metrics in outcome.reports:
        assert math.isfinite(metrics[case.objective])
        assert all(name.split("/")[0] in ("val", "train") for name in metrics)
        assert all(type(value) is float for value in metrics.values())


def check_final(case: Case, outcome: Outcome) -> None:
    """A replicate returns test metrics or what it measures, and only that."""
    if case.measures:
        assert tuple(outcome.final) == case.measures
        assert all(math.isfinite(value) for value in outcome.final.values())
        return
    assert outcome.final
    families = {name.split("/")[0] for name in outcome.final}
    assert families - {"test_shift", "chosen"} == {"test", *case.analyses}
    assert 0 <= outcome.final[case.headline] <= 1


def check_chosen(case: Case, outcome: Outcome) -> None:
    """What a replicate returns as ``chosen/`` is the best it reported, to three decimals."""
    name = f"chosen/{case.objective.removeprefix('val/')}"
    resampled = getattr(case.config, "val_batches", "all") != "all"
    if name in outcome.final and not resampled:
        values = [metrics[case.objective] for _, metrics in outcome.reports]
        best = min(values) if name.endswith("loss") else max(values)
        assert abs(outcome.final[name] - best) < 1e-3


def check_resume(case: Case, whole: Outcome, folder: Path, locations: Locations) -> None:
    """Stopped at any step and run again, a trial ends exactly where the whole one did."""
    for stop_at in range(1, case.steps + 1):
        here = folder / f"stopped-{stop_at}"
        first = run_trial(case, here, locations, stop_at=stop_at)
        assert first.stopped
        assert not first.final
        second = run_trial(case, here, locations)
        assert same(first.reports, whole.reports[:stop_at])
        # All reports are made again: nobody knows which were heard.
        assert same(second.reports, whole.reports)
        assert same(second.final, whole.final)
        assert same(second.checkpoint, whole.checkpoint)
        assert same(second.model, whole.model)


def check_damaged_checkpoint(
    case: Case, whole: Outcome, folder: Path, locations: Locations
) -> None:
    """With its newest checkpoint torn, a trial repeats what is lost and ends the same."""
    run_trial(case, folder, locations, stop_at=case.steps)
    newest = max((folder / "checkpoints").iterdir())
    (newest / "state.json").write_text("{")
    again = run_trial(case, folder, locations)
    assert same(again.reports, whole.reports)
    assert same(again.final, whole.final)


def check_seed(case: Case, whole: Outcome, folder: Path, locations: Locations) -> None:
    """The same seed gives the same numbers; where one is used, another (of inputs too) others."""
    again = run_trial(case, folder / "again", locations)
    assert same(
        [again.reports, again.final, again.model], [whole.reports, whole.final, whole.model]
    )
    other = run_trial(case, folder / "other", locations, seed=2)
    assert same([other.reports, other.final], [whole.reports, whole.final]) != case.draws


def check_search_trial(case: Case, folder: Path, locations: Locations) -> None:
    """A search trial reports, returns nothing and leaves no artifact.

    Opening the test split would raise SealedTestError here.
    """
    outcome = run_trial(case, folder, locations, final=False)
    check_reports(case, outcome)
    assert outcome.final == {}
    assert not any((folder / "artifacts").glob("*"))


def check_writes(case: Case, folder: Path, locations: Locations, work: Path) -> None:
    """Nothing is written but the trial's folder and the store; ``work`` is where it runs."""
    roots = [work, locations.data, locations.weights, folder.parent]
    before = _files(roots)
    run_trial(case, folder, locations)
    written = _files(roots) - before
    assert all(folder in path.parents for path in written), written
    shutil.rmtree(folder)


def check_config(case: Case) -> None:
    """A config is rebuilt from its canonical form."""
    assert config_from(case.config.trainable, canonical(case.config)) == case.config


def same(left: Any, right: Any) -> bool:
    """Equal to the last bit; NaN equals NaN."""
    if isinstance(left, torch.Tensor):
        return left.dtype == right.dtype and torch.equal(left, right)
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[k], right[k]) for k in left)
    if isinstance(left, (list, tuple)):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right) or (left != left and right != right)


def _left_by(config: Any, seed: int, locations: Locations) -> Path:
    """Return the artifacts of a replicate that is run once for all tests of a store."""
    folder = locations.store.parent / "inputs" / digest([canonical(config), seed])
    context = Context.local(folder, locations, seed)
    if not folder.exists():
        folder.mkdir(parents=True)
        load_trainable(config.trainable).run(config, context)
    return context.artifacts


def _files(roots: list[Path]) -> set[Path]:
    return {path for root in roots for path in root.rglob("*") if path.is_file()}
