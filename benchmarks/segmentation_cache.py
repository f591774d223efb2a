"""Training a segmenter on stored activations against encoding every picture at each step.

Both sides run the same trial: CLIPSeg's twin on the twin of Kvasir-SEG, the same batches, prompts
and validations, from a store that is empty at first. Without sharing, the frozen encoder sees every
training and validation picture in every epoch and for every prompt type; with it, once. The two
must report the same numbers; the learning rate is low, as training amplifies rounding. The bound is
a trial whose encoder costs nothing, which is a sharing trial that finds its store filled. CPU
seconds of the process with one thread, so that a busy machine changes little. The share of the
encoder is larger in the real network, which has 148 million frozen parameters before 1.1 million
that train: 22 x 22 patches through twelve blocks.

Run: python benchmarks/segmentation_cache.py [--epochs 4] [--prompts p1,p6]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from trainables import segment
from trainables.config import BackboneRef, DataRef
from trainables.context import Context, Locations
from trainables.engine.config import OptimizerConfig
from trainables.segmentation.config import PromptConfig

TOLERANCE = 1e-3
"""Largest difference of a validation Dice: rounding moves a pixel over the threshold at times."""


def trial(locations: Locations, prompt: str, epochs: int, share: bool) -> tuple[float, list[float]]:
    """Return the CPU seconds of a search trial, and the validation Dice of its epochs."""
    reports: list[float] = []

    def send(step: int, metrics: Mapping[str, float]) -> None:
        assert step == len(reports) + 1
        reports.append(metrics["val/dice"])

    config = segment.Config(
        segmenter=BackboneRef(card="clipseg_twin", weights="twin"),
        data=DataRef(name="kvasir_polyp_twin"),
        prompt=PromptConfig(type=prompt),
        epochs=epochs,
        batch_size=32,
        optimizer=OptimizerConfig(lr=1e-5, weight_decay=1e-3),
        precision="fp32",
        share_activations=share,
    )
    with tempfile.TemporaryDirectory() as folder:
        context = Context(
            trial_id="trial", seed=1, folder=Path(folder), locations=locations, send=send
        )
        began = time.process_time()
        segment.run(config, context)
        return time.process_time() - began, reports


def require_same(shared: Sequence[float], alone: Sequence[float]) -> None:
    worst = max(abs(a - b) for a, b in zip(shared, alone, strict=True))
    if worst > TOLERANCE:
        raise SystemExit(f"the two sides differ by {worst:.4f} in validation Dice")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--prompts", default="p1,p6")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as root:
        data, weights, store = (Path(root) / name for name in ("data", "weights", "store"))
        locations = Locations(data=data, weights=weights, store=store)
        # Weights of the twin and pictures are made here, so that no side pays for them.
        trial(locations, "p0", 1, share=False)
        rows = []
        print(f"{'trial':34}{'epochs':>8}{'CPU s':>10}{'ratio':>8}")
        for number, prompt in enumerate(arguments.prompts.split(",")):
            shared_s, shared = trial(locations, prompt, arguments.epochs, share=True)
            alone_s, alone = trial(locations, prompt, arguments.epochs, share=False)
            require_same(shared, alone)
            name = f"{prompt}, {'store empty' if number == 0 else 'pictures stored'}"
            print(f"{name:34}{arguments.epochs:8}{shared_s:10.2f}{alone_s / shared_s:8.2f}")
            rows.append(
                f"ROW | training a segmenter, {name} | {shared_s:.1f} s CPU "
                f"| encoding at every step: {alone_s:.1f} s | {alone_s / shared_s:.2f} | - "
                "| the same with the pictures stored"
            )
            print(
                f"{prompt + ', every picture at each step':34}{arguments.epochs:8}{alone_s:10.2f}"
            )
        print("\n".join(rows))


if __name__ == "__main__":
    main()
