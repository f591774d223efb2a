"""Paired bootstrap of test metrics: all resamples at once against a loop over scikit-learn.

Two classifiers are tested on the same 2,000 cases, a fifth of them positive; the difference of
their metrics is resampled 10,000 times. Ours is what reports compare methods by. The peer calls
scikit-learn's metric for both on every resample; it does a part of the resamples, and its time is
scaled up. On these, both sides must give the same values to 1e-9. Times are CPU seconds of one
thread.

The bound is the drawing of the resamples, which any bootstrap has to do.

Run: python benchmarks/bootstrap.py [--cases 2000] [--peer-draws 200]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    cohen_kappa_score,
    roc_auc_score,
)
from threadpoolctl import threadpool_limits

from orchestrator.report.bootstrap import DRAWS, generator, resampled
from orchestrator.report.case_metric import CaseMetric
from trainables.metrics.weighted import weighted_metric

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Metric = Callable[[Ints, Floats], float]

PREVALENCE = 0.2
PEERS: dict[str, Metric] = {
    "auc": lambda truth, score: roc_auc_score(truth, score),
    "accuracy": lambda truth, score: accuracy_score(truth, score > 0.5),
    "balanced_accuracy": lambda truth, score: balanced_accuracy_score(truth, score > 0.5),
    "kappa": lambda truth, score: cohen_kappa_score(truth, score > 0.5, weights="quadratic"),
}


def draw(cases: int) -> tuple[Ints, list[Floats]]:
    """Return the truth, and what two classifiers of unlike skill say."""
    rng = np.random.default_rng(0)
    truth = (rng.random(cases) < PREVALENCE).astype(np.int64)
    latent = rng.normal(size=cases) + 1.5 * truth
    scores = [1 / (1 + np.exp(-(latent + noise * rng.normal(size=cases)))) for noise in (0.5, 0.8)]
    return truth, scores


def our_metric(name: str, truth: Ints, score: Floats) -> CaseMetric:
    weigh = weighted_metric(name, np.stack([1 - score, score], axis=1), truth, classes=2)
    if weigh is None:
        raise SystemExit(f"{name} is not known")
    return CaseMetric(cases=tuple(f"{row:06d}" for row in range(len(truth))), weigh=weigh)


def drawing_s(cases: int) -> float:
    seconds = []
    for _ in range(3):
        rng = generator("bound")
        began = time.process_time()
        for _ in range(10):
            rng.integers(cases, size=(DRAWS // 10, cases))
        seconds.append(time.process_time() - began)
    return min(seconds)


def compare(name: str, truth: Ints, scores: list[Floats], draws: int) -> tuple[float, float]:
    """Return the CPU seconds of ours and of the peer, for all resamples."""
    metrics = [our_metric(name, truth, score) for score in scores]
    began = time.process_time()
    ours = resampled(metrics)
    ours_s = time.process_time() - began
    rows = np.random.default_rng(1).integers(len(truth), size=(draws, len(truth)))
    weights = np.stack([np.bincount(row, minlength=len(truth)) for row in rows]).astype(float)
    began = time.process_time()
    peer = [[PEERS[name](truth[row], score[row]) for row in rows] for score in scores]
    peer_s = (time.process_time() - began) * DRAWS / draws
    same = np.stack([metric.weigh(weights) for metric in metrics])
    if not np.allclose(same, peer, rtol=0, atol=1e-9):
        raise SystemExit(f"{name}: the two sides differ by {np.abs(same - peer).max():.1e}")
    spread = (ours[0] - ours[1]).std()
    print(f"{name:18} ours {ours_s:6.2f} s  scikit-learn {peer_s:7.1f} s  sd {spread:.4f}")
    return ours_s, peer_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--peer-draws", type=int, default=200)
    arguments = parser.parse_args()
    truth, scores = draw(arguments.cases)
    rows = []
    with threadpool_limits(1):
        bound_s = drawing_s(arguments.cases)
        for name in PEERS:
            ours_s, peer_s = compare(name, truth, scores, arguments.peer_draws)
            rows.append(
                f"ROW | paired bootstrap of {name}, {DRAWS:,} resamples of {arguments.cases:,} "
                f"cases | {ours_s:.2f} s CPU | scikit-learn in a loop: {peer_s:.0f} s | "
                f"{peer_s / ours_s:.0f} | < 10 s | {bound_s:.2f} s, drawing the resamples"
            )
    print("\n".join(rows))


if __name__ == "__main__":
    main()
