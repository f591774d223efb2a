"""Frozen features against the inner loop of timm's inference benchmark.

timm's side runs its model in inference mode on one made-up batch over and over. Ours extracts the
features of as many pictures, from an array of uint8 pixels to an array of features: taking batches,
normalising, moving them, and collecting the outputs are all in its time. Both have the same
architecture, number format and memory layout; pictures have the network's size, so none is resized.

On a CPU: one thread, CPU seconds. On a GPU: wall time. The sides take turns; the least time of each
counts. The bound is timm's loop itself.

Run: python benchmarks/extraction.py [--device cuda] [--card resnet50 deit_s] [--batch 8]
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import timm
import torch
from side_by_side.pictures import image_set, smooth_pictures
from side_by_side.turns import Side, clock, in_turns
from torch import nn

from trainables.config import BackboneRef
from trainables.context import Context, Locations
from trainables.data.transforms import EvalTransform
from trainables.engine.config import Precision
from trainables.engine.evaluation import predict_logits
from trainables.engine.placement import is_convolutional, place
from trainables.engine.precision import autocast
from trainables.models.cards import get_backbone_card
from trainables.models.factory import create_backbone

NOWHERE = Locations(data=Path(), weights=Path(), store=Path())
PRECISIONS: tuple[Precision, ...] = ("fp32", "bf16")


def ours(card: str, given: Any, precision: Precision) -> Side:
    ref = BackboneRef(card=card, weights="random")
    model = place(create_backbone(ref, NOWHERE, seed=0, image_size_px=given.side), given.device)
    context = Context.local(Path("never_written"), NOWHERE)
    context.device = given.device
    images = image_set(smooth_pictures(given.batch * given.steps, given.side))
    transform = EvalTransform(
        size_px=given.side, mean=(0.5,) * 3, std=(0.5,) * 3, interpolation="bilinear"
    )

    def run() -> float:
        begin = clock(given.device)
        predict_logits(model, images, transform, given.batch, precision, context)
        return (clock(given.device) - begin) / given.steps

    return run


def timm_loop(card: str, given: Any, precision: Precision) -> Side:
    architecture = get_backbone_card(card).architecture
    sized = {} if architecture.startswith("resnet") else {"img_size": given.side}
    model: nn.Module = timm.create_model(architecture, num_classes=0, **sized)
    model = model.to(given.device).eval()
    x_nchw = torch.randn(given.batch, 3, given.side, given.side, device=given.device)
    if is_convolutional(model):
        model = model.to(memory_format=torch.channels_last)
        x_nchw = x_nchw.contiguous(memory_format=torch.channels_last)

    def run() -> float:
        with torch.inference_mode():
            begin = clock(given.device)
            for _ in range(given.steps):
                with autocast(precision, given.device):
                    model(x_nchw)
            return (clock(given.device) - begin) / given.steps

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--card", nargs="+", default=["resnet50", "deit_s"])
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--turns", type=int, default=4)
    given = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    for card in given.card:
        sides: dict[str, Side] = {}
        for precision in PRECISIONS:
            sides[f"ours {precision}"] = ours(card, given, precision)
            sides[f"timm {precision}"] = timm_loop(card, given, precision)
        took = in_turns(sides, given.turns)
        for precision in PRECISIONS:
            a, b = took[f"ours {precision}"], took[f"timm {precision}"]
            print(
                f"ROW | features, {precision}, {card}, {given.batch} x {given.side} px, "
                f"{given.device} | {given.batch / a:.0f} pictures/s | timm's benchmark: "
                f"{given.batch / b:.0f} | {b / a:.2f} | >= 0.97 | timm's loop"
            )


if __name__ == "__main__":
    main()
