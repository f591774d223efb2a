"""What compiling a network costs, and what a training step gains by it.

Both sides take optimizer steps on one made-up batch, one with the network as it is, the other with
`compiled`. A network is compiled twice: by a machine that never did, and by a later trial that
finds the code of the first one in PyTorch's cache. From the cost and the gain follows how many
steps a trial must have for compiling to pay.

On a CPU: one thread, CPU seconds, those of the C++ compiler included. On a GPU: wall time. The
sides take turns; the least time of each counts.

Run: python benchmarks/compiled_step.py [--device cuda] [--card resnet18 deit_t] [--batch 16]
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from side_by_side.turns import Side, in_turns
from torch import nn
from torch.nn import functional

from trainables.config import BackboneRef
from trainables.context import Locations
from trainables.engine.compiled import compiled
from trainables.engine.config import AdamMoments, OptimizerConfig, Precision
from trainables.engine.optimizer import create_optimizer
from trainables.engine.placement import place
from trainables.engine.precision import autocast
from trainables.models.factory import create_backbone
from trainables.models.heads import Classifier, LinearHead

CLASSES = 5
NOWHERE = Locations(data=Path(), weights=Path(), store=Path())


@dataclass(frozen=True, kw_only=True)
class Setup:
    """What both sides share."""

    card: str
    device: str
    precision: Precision
    batch: int
    side: int
    steps: int

    def model(self) -> nn.Module:
        """Return a network in training mode, the same every time."""
        ref = BackboneRef(card=self.card, weights="random")
        backbone = create_backbone(ref, NOWHERE, seed=0, image_size_px=self.side)
        model = Classifier(backbone, LinearHead(backbone.dim, CLASSES, seed=0))
        return place(model, self.device).train()

    def stepper(self, model: nn.Module, called: nn.Module) -> Callable[[], None]:
        """Return what takes one optimizer step, which calls the network by another module."""
        optimizer = create_optimizer(
            model, OptimizerConfig(name="adamw", lr=1e-4), AdamMoments(), decay_all=False
        )
        x_nchw = torch.randn(self.batch, 3, self.side, self.side, device=self.device)
        labels = torch.randint(0, CLASSES, (self.batch,), device=self.device)

        def step() -> None:
            optimizer.zero_grad(set_to_none=True)
            with autocast(self.precision, self.device):
                loss = functional.cross_entropy(called(x_nchw), labels)
            torch.autograd.backward(loss)
            optimizer.step()

        return step


def clock(device: str) -> float:
    """Return CPU seconds of this process and its compilers, or on a GPU the time."""
    if device != "cpu":
        torch.cuda.synchronize()
        return time.perf_counter()
    own, compilers = (
        resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return own.ru_utime + own.ru_stime + compilers.ru_utime + compilers.ru_stime


def timed(setup: Setup, step: Callable[[], None], times: int) -> float:
    began = clock(setup.device)
    for _ in range(times):
        step()
    return (clock(setup.device) - began) / times


def first_step(setup: Setup) -> tuple[float, Callable[[], None]]:
    """Compile and take a step; return how long both took, and what takes the next ones."""
    model = setup.model()
    step = setup.stepper(model, compiled(model, setup.device))
    return timed(setup, step, 1), step


def compare(setup: Setup, turns: int) -> str:
    """Measure, print, and return the row of the table."""
    cold_s, _ = first_step(setup)
    cached_s, compiled_step = first_step(setup)
    model = setup.model()
    plain_step = setup.stepper(model, model)
    sides: dict[str, Side] = {
        "as it is": lambda: timed(setup, plain_step, setup.steps),
        "compiled": lambda: timed(setup, compiled_step, setup.steps),
    }
    took = in_turns(sides, turns)
    plain, fast = took["as it is"], took["compiled"]
    gain = plain - fast
    pays = "never pays"
    if gain > 0:
        pays = f"pays after {cold_s / gain:.0f} steps, or {cached_s / gain:.0f} from the cache"
    unit = "ms CPU" if setup.device == "cpu" else "ms"
    what = f"{setup.card}, {setup.precision}, {setup.batch} x {setup.side} px, {setup.device}"
    return (
        f"ROW | compiled training step, {what} | {1e3 * fast:.1f} {unit} | not compiled: "
        f"{1e3 * plain:.1f} {unit} | {plain / fast:.2f} | - | first step {cold_s:.0f} s, from the "
        f"cache {cached_s:.1f} s: {pays}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--card", nargs="+", default=["resnet18", "deit_t"])
    parser.add_argument("--precision", nargs="+", choices=("fp32", "bf16"), default=["bf16"])
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--side", type=int, default=96)
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--turns", type=int, default=5)
    given = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    rows = []
    for card in given.card:
        for precision in given.precision:
            with tempfile.TemporaryDirectory() as cache:
                os.environ["TORCHINDUCTOR_CACHE_DIR"] = cache
                setup = Setup(
                    card=card,
                    device=given.device,
                    precision=precision,
                    batch=given.batch,
                    side=given.side,
                    steps=given.steps,
                )
                rows.append(compare(setup, given.turns))
    print("\n".join(rows))


if __name__ == "__main__":
    main()
