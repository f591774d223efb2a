"""Features of every layer from one forward pass against one forward pass per layer.

The published code of the layer-wise analyses runs the whole network again for every layer it looks
at. Both sides here run the same classifier on the same pictures in evaluation mode on the CPU, pool
every layer's output, and must return the same features. The bound is the forward pass alone,
without hooks or pooling, so the ratio of the two sides is at most the number of layers, but for
noise. Each side is timed three times, in turns, in CPU seconds of the process: with one thread that
is the wall time on an idle machine. The best of each counts.

Run: python benchmarks/layerwise.py [--pictures 16]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor

from trainables.analyses.eval_mode import evaluating
from trainables.analyses.layers import Layer, analysed_layers
from trainables.analyses.layerwise_knn import LayerTensors, layer_features
from trainables.config import BackboneRef
from trainables.context import Locations
from trainables.models.factory import create_backbone
from trainables.models.heads import Classifier, LinearHead

# (card, side in px): the two CNN and transformer twins, and DeiT-S at a small size.
CASES = (("resnet50_twin", 64), ("deit_s_twin", 64), ("deit_s", 48))
REPEATS = 3
BATCH = 16
CLASSES = 5
NOWHERE = Locations(data=Path(), weights=Path(), store=Path())

T = TypeVar("T")


def random_classifier(card: str, side_px: int) -> Classifier:
    ref = BackboneRef(card=card, weights="random")
    backbone = create_backbone(ref, NOWHERE, seed=0, image_size_px=side_px)
    return Classifier(backbone, LinearHead(backbone.dim, CLASSES, seed=0))


def one_pass(model: Classifier, layers: Sequence[Layer], batches: Sequence[Tensor]) -> LayerTensors:
    return layer_features(model, layers, batches)


def pass_per_layer(
    model: Classifier, layers: Sequence[Layer], batches: Sequence[Tensor]
) -> LayerTensors:
    found: LayerTensors = {}
    for layer in layers:
        found |= layer_features(model, [layer], batches)
    return found


def forward_only(model: Classifier, batches: Sequence[Tensor]) -> None:
    with evaluating(model):
        for x_nchw in batches:
            model(x_nchw)


def timed(call: Callable[[], T]) -> tuple[float, T]:
    began = time.process_time()
    result = call()
    return time.process_time() - began, result


def require_same(a: LayerTensors, b: LayerTensors) -> None:
    for name, kinds in a.items():
        for kind, feats_nd in kinds.items():
            if not torch.equal(feats_nd, b[name][kind]):
                raise SystemExit(f"{name}/{kind}: the two sides differ")


def compare(card: str, side_px: int, pictures: int) -> str:
    """Print a line of the table, and return the row of the summary."""
    model = random_classifier(card, side_px)
    layers = analysed_layers(model.backbone)
    batches = torch.split(torch.randn(pictures, 3, side_px, side_px), BATCH)
    forward_only(model, batches[:1])
    ours, theirs, bound = [], [], []
    for _ in range(REPEATS):
        a_s, a = timed(lambda: one_pass(model, layers, batches))
        b_s, b = timed(lambda: pass_per_layer(model, layers, batches))
        require_same(a, b)
        ours.append(a_s)
        theirs.append(b_s)
        bound.append(timed(lambda: forward_only(model, batches))[0])
    a_s, b_s, bound_s = min(ours), min(theirs), min(bound)
    print(
        f"{card:16}{side_px:6}{len(layers):8}{1e3 * a_s:13.1f}{1e3 * b_s:18.1f}{b_s / a_s:8.1f}"
        f"{1e3 * bound_s:13.1f}{a_s / bound_s:16.2f}"
    )
    return (
        f"ROW | features of every layer, {card}, {pictures} x {side_px} px "
        f"| {1e3 * a_s:.0f} ms CPU | a pass per layer: {1e3 * b_s:.0f} ms | {b_s / a_s:.1f} | - "
        f"| {1e3 * bound_s:.0f} ms, the forward pass"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=16)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    print(f"features of every layer of {arguments.pictures} pictures, one thread")
    print(
        f"{'backbone':16}{'px':>6}{'layers':>8}{'one pass ms':>13}{'pass per layer ms':>18}"
        f"{'ratio':>8}{'forward ms':>13}{'ours x forward':>16}"
    )
    rows = [compare(card, side_px, arguments.pictures) for card, side_px in CASES]
    print("\n".join(rows))


if __name__ == "__main__":
    main()
