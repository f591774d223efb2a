"""Training with compiled networks against training as they are."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from spawned_ranks import spawn_ranks
from torch import Tensor, nn
from torch.nn import functional

from trainables import classify
from trainables.config import BackboneRef, DataRef
from trainables.context import Context, Locations
from trainables.engine.compiler import require_compiler
from trainables.engine.config import FitConfig, OptimizerConfig
from trainables.engine.loop import Training, fit
from trainables.engine.selection import Best
from trainables.errors import ResourceError

CASES = 22
X = torch.randn(CASES, 3, 8, 8, generator=torch.Generator().manual_seed(0))
Y = (X.mean(dim=(1, 2, 3)) > 0).long()

needs_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="there is no g++")

Batch = tuple[Tensor, Tensor]


def net() -> nn.Module:
    """Return a network with statistics, a draw of random numbers, and a frozen part."""
    torch.manual_seed(3)
    frozen = nn.Conv2d(3, 4, 3).requires_grad_(False)
    # A bias before a batch norm has a gradient of rounding errors only, which Adam makes large.
    conv = nn.Conv2d(4, 8, 3, bias=False)
    return nn.Sequential(
        frozen, conv, nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Dropout(0.5), nn.Linear(128, 2)
    )


def train(model: nn.Module, context: Context, compiles: bool = True) -> Best:
    def batches(indices: Sequence[Tensor]) -> Iterator[Batch]:
        for part in indices:
            yield X[part], Y[part]

    @torch.no_grad()
    def evaluate(_step: int) -> dict[str, float]:
        scores = model.eval()(X)
        return {"val/accuracy": -float(functional.cross_entropy(scores, Y))}

    training: Training[Batch] = Training(
        cases=CASES,
        batches=batches,
        loss=lambda module, batch: functional.cross_entropy(module(batch[0]), batch[1]),
        evaluate=evaluate,
        compiles=compiles,
    )
    # 22 cases: the last batch of an epoch has 6.
    config = FitConfig(epochs=3, batch_size=8, optimizer=OptimizerConfig(lr=1e-2))
    return fit(model, training, config, context)


def interrupted(context: Context) -> Context:
    """Let a trial end with the report of its first epoch."""

    def send(step: int, metrics: Mapping[str, float]) -> None:
        del step, metrics
        raise SystemExit

    context.send = send
    return context


def make_context(folder: Path, locations: Locations, compile: bool) -> Context:
    context = Context.local(folder, locations, seed=5)
    context.compile = compile
    return context


@needs_compiler
@pytest.mark.slow
def test_compiled_steps_are_the_steps(tmp_path: Path, locations: Locations) -> None:
    plain, model = net(), net()
    expected = train(plain, make_context(tmp_path / "plain", locations, compile=False))
    best = train(model, make_context(tmp_path / "compiled", locations, compile=True))
    assert best.epoch == expected.epoch
    torch.testing.assert_close(best.model, expected.model, rtol=1e-4, atol=1e-5)
    assert list(model.state_dict()) == list(plain.state_dict())


@needs_compiler
@pytest.mark.slow
def test_a_compiled_run_resumes(tmp_path: Path, locations: Locations) -> None:
    whole = train(net(), make_context(tmp_path / "whole", locations, compile=True))
    with pytest.raises(SystemExit):
        train(net(), interrupted(make_context(tmp_path / "parts", locations, compile=True)))
    resumed = train(net(), make_context(tmp_path / "parts", locations, compile=True))
    torch.testing.assert_close(resumed.model, whole.model, rtol=0, atol=0)


@needs_compiler
@pytest.mark.slow
def test_a_checkpoint_serves_compiled_or_not(tmp_path: Path, locations: Locations) -> None:
    plain = train(net(), make_context(tmp_path / "plain", locations, compile=False))
    with pytest.raises(SystemExit):
        train(net(), interrupted(make_context(tmp_path / "mixed", locations, compile=True)))
    mixed = train(net(), make_context(tmp_path / "mixed", locations, compile=False))
    torch.testing.assert_close(mixed.model, plain.model, rtol=1e-4, atol=1e-5)


def test_a_training_that_cannot_is_not_compiled(
    tmp_path: Path, locations: Locations, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "compile", _refuse)
    train(net(), make_context(tmp_path / "small", locations, compile=True), compiles=False)


def _refuse(*_: object, **__: object) -> nn.Module:
    raise AssertionError("compiled")


@pytest.mark.parametrize(("device", "named"), [("cpu", "g++"), ("cuda", "gcc or clang")])
def test_a_missing_compiler_is_named(
    device: str, named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("triton")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.delenv("CC", raising=False)
    with pytest.raises(ResourceError, match=f"there is no {named.replace('+', '[+]')}: install"):
        require_compiler(device)


def test_a_compiler_named_in_the_environment_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "a_compiler_of_no_machine")
    with pytest.raises(ResourceError, match=r"no a_compiler_of_no_machine: .* variable CXX"):
        require_compiler("cpu")
    monkeypatch.setenv("CXX", "sh")
    require_compiler("cpu")


@needs_compiler
@pytest.mark.slow
@pytest.mark.timeout(600)  # a C++ compiler is at work
def test_a_classifier_trains_compiled_as_it_is(tmp_path: Path, locations: Locations) -> None:
    config = classify.Config(
        backbone=BackboneRef(card="deit_t_twin"),
        data=DataRef(name="fundus", domains=("camera_0",), limit=24),
        epochs=2,
        batch_size=10,
        optimizer=OptimizerConfig(name="sgd", lr=1e-2),
    )
    reports: dict[str, list[Mapping[str, float]]] = {"plain": [], "compiled": []}
    finals: dict[str, Mapping[str, float]] = {}
    for name, heard in reports.items():
        context = make_context(tmp_path / name, locations, compile=name == "compiled")
        context.send = lambda _, metrics, heard=heard: heard.append(metrics)
        finals[name] = classify.run(config, context)
    for plain, fast in zip(reports["plain"], reports["compiled"], strict=True):
        assert "perf/compiled" not in plain
        assert fast["perf/compiled"] == 1
        assert fast["train/loss"] == pytest.approx(plain["train/loss"], abs=1e-5)
        assert fast["val/loss"] == pytest.approx(plain["val/loss"], abs=1e-5)
    assert finals["compiled"] == pytest.approx(finals["plain"], abs=1e-5)
    weights = [load_file(tmp_path / name / "artifacts/model.safetensors") for name in reports]
    torch.testing.assert_close(weights[1], weights[0], rtol=1e-4, atol=1e-5)


def rank_main(rank: int, folder: Path, locations: Locations) -> None:
    """Train with and without compiling as one of two ranks."""
    for name in ("plain", "compiled"):
        context = make_context(folder / name, locations, compile=name == "compiled")
        context.rank, context.world_size = rank, 2
        model = net()
        best = train(model, context)
        torch.save({"value": best.value, **best.model}, folder / f"{name}-{rank}.pt")


@needs_compiler
@pytest.mark.slow
@pytest.mark.timeout(600)  # two C++ compilers are at work
def test_two_ranks_train_compiled_as_they_are(tmp_path: Path, locations: Locations) -> None:
    spawn_ranks(rank_main, tmp_path, locations)
    plain, *others = (
        torch.load(tmp_path / f"{name}-{rank}.pt", weights_only=True)
        for name in ("plain", "compiled")
        for rank in range(2)
    )
    for other in others:
        assert other["value"] == pytest.approx(plain["value"], abs=1e-5)
        for name in plain.keys() - {"value"}:
            torch.testing.assert_close(other[name], plain[name], atol=1e-5, rtol=1e-4)
