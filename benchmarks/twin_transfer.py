"""How much twins gain from their pretraining: weights, statistics only, or nothing transferred.

Every backbone is fine-tuned in the same way on few pictures, from its twin weights (WT), from
numbers drawn with their mean and sd (ST, transfer level -2) and from random init (RI); the state of
the best validation epoch is tested once. Shown are means over the seeds +- their sample sd, and for
how many seeds WT beat RI, where a seed draws the head, the order of the pictures, and whatever of
the backbone is drawn. Data and backbones are synthetic: the table says whether twins behave like
pretrained networks, and nothing about the real ones.

Run: python benchmarks/twin_transfer.py [--backbones deit_s_twin ...] [--data fundus ...]
     [--seeds 3] [--epochs 5] [--lr 1e-3] [--storage FOLDER]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from trainables import classify
from trainables.config import BackboneRef, DataRef
from trainables.context import Context, Locations
from trainables.engine.config import OptimizerConfig
from trainables.models.card import NOTHING_KEPT, RANDOM, TWIN
from trainables.models.factory import create_backbone

BACKBONES = ("deit_s_twin", "swin_t_twin", "inception_v3_twin", "resnet50_twin")
DATA = ("isic2019_twin", "fundus")
PICTURES = 300
BATCH = 16
METRICS = ("auc", "balanced_accuracy")
STARTS = ("WT", "ST", "RI")


@dataclass(frozen=True, kw_only=True)
class Budget:
    """How every start is fine-tuned, and how often."""

    seeds: int
    epochs: int
    lr: float


def reference(card: str, start: str) -> BackboneRef:
    if start == "RI":
        return BackboneRef(card=card, weights=RANDOM)
    level = NOTHING_KEPT if start == "ST" else None
    return BackboneRef(card=card, weights=TWIN, transfer_level=level)


def fine_tuned(
    ref: BackboneRef, data: str, seed: int, budget: Budget, locations: Locations
) -> dict[str, float]:
    config = classify.Config(
        backbone=ref,
        data=DataRef(name=data, limit=PICTURES),
        epochs=budget.epochs,
        batch_size=BATCH,
        optimizer=OptimizerConfig(name="adamw", lr=budget.lr),
    )
    with tempfile.TemporaryDirectory() as folder:
        context = Context.local(Path(folder), locations, seed=seed)
        context.replicate = seed
        return classify.run(config, context)


def spread(values: list[float]) -> str:
    sd = f"{statistics.stdev(values):.3f}" if len(values) > 1 else "-"
    return f"{statistics.mean(values):.3f} +-{sd}"


def compare(card: str, data: str, budget: Budget, locations: Locations) -> None:
    began = time.process_time()
    reached = {
        start: [
            fine_tuned(reference(card, start), data, seed, budget, locations)
            for seed in range(budget.seeds)
        ]
        for start in STARTS
    }
    cost_s = (time.process_time() - began) / (len(STARTS) * budget.seeds)
    for metric in METRICS:
        values = {k: [run[f"test/{metric}"] for run in runs] for k, runs in reached.items()}
        wins = sum(w > r for w, r in zip(values["WT"], values["RI"], strict=True))
        columns = "".join(f"{spread(of_start):>15}" for of_start in values.values())
        print(
            f"{card:18}{data:15}{metric:18}{columns}{wins:>6}/{budget.seeds}{cost_s:9.1f}",
            flush=True,
        )


def pretrain(cards: list[str], locations: Locations) -> None:
    for card in cards:
        began = time.process_time()
        create_backbone(BackboneRef(card=card, weights=TWIN), locations, seed=0)
        print(f"{card}: pretrained or found within {time.process_time() - began:.1f} CPU s")
    starts = "".join(f"{start:>15}" for start in STARTS)
    print(f"{'backbone':18}{'data':15}{'metric':18}{starts}{'WT>RI':>8}{'s/trial':>9}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backbones", nargs="+", default=list(BACKBONES))
    parser.add_argument("--data", nargs="+", default=list(DATA))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--storage", type=Path, help="keep weights and pictures here")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    budget = Budget(seeds=arguments.seeds, epochs=arguments.epochs, lr=arguments.lr)
    with tempfile.TemporaryDirectory() as made:
        root = arguments.storage or Path(made)
        locations = Locations(data=root / "data", weights=root / "weights", store=root / "store")
        pretrain(arguments.backbones, locations)
        for card in arguments.backbones:
            for data in arguments.data:
                compare(card, data, budget, locations)


if __name__ == "__main__":
    main()
