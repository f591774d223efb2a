"""A sweep over the penalty of a linear probe: all values solved together against one by one.

Both sides fit logistic regressions with the 45 values of C of DINOv2's protocol (1e-6 to 1e5) to
the same standardised features: scikit-learn one after the other with its default solver and
tolerance, ours together. Features are drawn at random with a spectrum that falls as 1 / rank, about
that of trained networks; a tenth of the labels is wrong. Ours starts from raw features, so
standardising and rotating them is in its time.

The optimum has to be the same: no gradient of ours may be larger than scikit-learn's largest entry
allows (1e-4), no loss of ours may be higher than scikit-learn's by more than 1e-6, and the classes
of held-out cases have to agree but for those near a border (99 in 100 of every value, and where
scikit-learn stops further from the optimum than that, ours must have the lower loss).

With one thread, CPU seconds are counted, which are the wall time on an idle machine; with more or
on a GPU, the wall time.

The bound is the time of the two matrix products of one iteration of every value, once: what any
method has to do that looks at all the features even once per value.

Run: python benchmarks/probe_sweep.py [--size 2400x512x5 --size 20000x768x10] [--every 1]
         [--device cuda] [--threads 1]
With --every n scikit-learn solves one value in n only, and its time counts n-fold.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits
from torch.nn import functional

from trainables.analyses.logistic import LinearProbe
from trainables.analyses.logistic_path import fit_logistic_path
from trainables.regularisation_path import RegularisationPath

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Clock = Callable[[], float]

SIZES = ("2400x512x5", "20000x768x10")
WRONG = 0.1
MAX_ITER = 5000
VALUES = RegularisationPath().inverse_l2()


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Training and held-out cases, (n, d) and (n)."""

    train: Floats
    train_labels: Ints
    held_out: Floats
    held_out_labels: Ints
    classes: int


def draw(size: str) -> Problem:
    n, d, k = map(int, size.split("x"))
    rng = np.random.default_rng(0)
    labels = rng.integers(k, size=2 * n)
    centres = 0.7 * rng.normal(size=(k, d)) * np.exp(-np.arange(d) / 50)
    scale = np.arange(1, d + 1) ** -0.5
    turn, _ = np.linalg.qr(rng.normal(size=(d, d)))
    feats = ((rng.normal(size=(2 * n, d)) + centres[labels]) * scale) @ turn
    labels = np.where(rng.random(2 * n) < WRONG, rng.integers(k, size=2 * n), labels)
    return Problem(
        train=feats[:n],
        train_labels=labels[:n],
        held_out=feats[n:],
        held_out_labels=labels[n:],
        classes=k,
    )


def one_by_one(problem: Problem, step: int, clock: Clock) -> tuple[float, list[LogisticRegression]]:
    began = clock()
    x = StandardScaler().fit_transform(problem.train)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        models = [
            LogisticRegression(C=c, max_iter=MAX_ITER).fit(x, problem.train_labels)
            for c in VALUES[::step]
        ]
    return clock() - began, models


def together(problem: Problem, device: str, clock: Clock) -> tuple[float, list[LinearProbe]]:
    feats = torch.from_numpy(problem.train)
    began = clock()
    probes = fit_logistic_path(
        feats,
        problem.train_labels,
        task="multiclass",
        classes=tuple(map(str, range(problem.classes))),
        inverse_l2=VALUES,
        max_iter=MAX_ITER,
        device=device,
    )
    return clock() - began, probes


def products(problem: Problem, device: str, clock: Clock) -> float:
    """Return the seconds of one pair of products with all coefficients of all values."""
    x = torch.from_numpy(problem.train).to(device)
    weights = torch.randn(len(VALUES) * problem.classes, x.shape[1], dtype=x.dtype, device=device)
    seconds = []
    for _ in range(3):
        began = clock()
        ((weights @ x.T) @ x).sum().item()
        seconds.append(clock() - began)
    return min(seconds)


def loss_and_gradient(
    weight: Floats, bias: Floats, x: Floats, labels: Ints, c: float
) -> tuple[float, float]:
    """Return the mean loss with penalty, and the largest entry of its gradient."""
    w = torch.from_numpy(weight).requires_grad_()
    b = torch.from_numpy(bias).requires_grad_()
    data_loss = functional.cross_entropy(torch.from_numpy(x) @ w.T + b, torch.from_numpy(labels))
    loss = data_loss + w.square().sum() / (2 * c * len(x))
    grad_w, grad_b = torch.autograd.grad(loss, (w, b))
    return loss.item(), max(grad_w.abs().max().item(), grad_b.abs().max().item())


def require_same(
    problem: Problem, models: list[LogisticRegression], probes: list[LinearProbe], step: int
) -> None:
    scaler = StandardScaler().fit(problem.train)
    x, held_out = scaler.transform(problem.train), scaler.transform(problem.held_out)
    print(f"  {'C':>8} {'largest gradient':>21} {'loss':>23} {'same class':>10}")
    for c, model, probe in zip(VALUES[::step], models, probes[::step], strict=True):
        raw = probe.weight_kd.double().numpy()
        weight, bias = raw * scaler.scale_, probe.bias_k.double().numpy() + raw @ scaler.mean_
        ours = loss_and_gradient(weight, bias, x, problem.train_labels, c)
        peer = loss_and_gradient(model.coef_, model.intercept_, x, problem.train_labels, c)
        classes = (held_out @ weight.T + bias).argmax(axis=1)
        same = float((classes == model.predict(held_out)).mean())
        print(
            f"  {c:8.1e} {ours[1]:10.1e} {peer[1]:10.1e} {ours[0]:11.7f} {peer[0]:11.7f}"
            f" {same:10.4f}"
        )
        if ours[1] > 1e-4 or ours[0] > peer[0] + 1e-6:
            raise SystemExit(f"C={c}: ours is not at the optimum")
        if same < 0.99 and peer[0] - ours[0] < 1e-5:
            raise SystemExit(f"C={c}: the two sides classify differently")


def measure(size: str, every: int, device: str, threads: int) -> str:
    """Time both sides on one problem, compare them, and return the row of the table."""
    alone = threads == 1 and device == "cpu"
    clock = time.process_time if alone else time.perf_counter
    problem = draw(size)
    first, probes = together(problem, device, clock)
    peer, models = one_by_one(problem, every, clock)
    peer *= len(VALUES) / len(models)
    # The second time around the peer, so that both see the same machine.
    ours = min(first, together(problem, device, clock)[0])
    print(f"{size}: together {ours:.2f} s, one by one {peer:.2f} s")
    require_same(problem, models, probes, every)
    bound = products(problem, device, clock)
    unit, goal = "s CPU" if alone else "s", 50 if device == "cuda" else 5
    return (
        f"ROW | probe sweep, {len(VALUES)} values of C, {size}, {device} | {ours:.2f} {unit} | "
        f"scikit-learn, one by one: {peer:.1f} {unit} | {peer / ours:.1f} | >= {goal} | "
        f"{bound:.2f} {unit}, the products of one iteration of each"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", action="append", help="cases x features x classes")
    parser.add_argument("--every", type=int, default=1, help="of the peer: solve every so many-th")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    with threadpool_limits(arguments.threads):
        rows = [
            measure(size, arguments.every, arguments.device, arguments.threads)
            for size in arguments.size or SIZES
        ]
    print("\n".join(rows))


if __name__ == "__main__":
    main()
