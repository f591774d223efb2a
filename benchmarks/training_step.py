"""The training loop against timm's benchmark loop and against a loop as papers release it.

timm's side is the inner loop of its `benchmark.py --bench train`: one made-up batch over and over,
random targets, the time of zero_grad, forward, loss, backward and step. Ours is `fit`, told to take
as many steps on one such batch; its epoch is timed from its first batch to the end of its last
step. Both have the same architecture, optimizer, number format and memory layout.

The released style reads JPEG files with PIL in every epoch, in fp32 with the default layout, and
asks for loss and accuracy after every step. Ours trains on the same pictures as arrays, resized by
the same transform, in bf16.

On a CPU: one thread, CPU seconds, so that other work on the machine disturbs little. On a GPU: wall
time. The sides take turns; the least time of each counts. The bound of a step is forward and
backward alone.

Run: python benchmarks/training_step.py [--device cuda] [--card resnet18 deit_t] [--batch 16]
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import timm
import torch
from PIL import Image
from side_by_side.pictures import CLASSES as NAMES
from side_by_side.pictures import image_set, smooth_pictures, write_jpegs
from side_by_side.turns import Side, clock, in_turns
from timm.optim import create_optimizer_v2
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from trainables.config import BackboneRef
from trainables.context import Context, Locations
from trainables.data.transforms import EvalTransform
from trainables.engine.batches import ImageBatch, image_batches
from trainables.engine.config import FitConfig, OptimizerConfig, Precision
from trainables.engine.loop import Training, fit
from trainables.engine.placement import is_convolutional
from trainables.engine.precision import autocast
from trainables.models.cards import get_backbone_card
from trainables.models.factory import create_backbone
from trainables.models.heads import Classifier, LinearHead

CLASSES = len(NAMES)
PICTURE_PX = 256
NOWHERE = Locations(data=Path(), weights=Path(), store=Path())
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
OPTIMIZER = OptimizerConfig(name="adamw", lr=1e-4)


@dataclass(frozen=True, kw_only=True)
class Setup:
    """What both sides share."""

    card: str
    device: str
    batch: int
    side: int
    steps: int

    def peer_model(self) -> nn.Module:
        """Return timm's model of the card, as timm makes it."""
        card = get_backbone_card(self.card)
        sized = {} if card.architecture.startswith("resnet") else {"img_size": self.side}
        model: nn.Module = timm.create_model(card.architecture, num_classes=CLASSES, **sized)
        return model.to(self.device).train()

    def our_model(self) -> nn.Module:
        ref = BackboneRef(card=self.card, weights="random")
        backbone = create_backbone(ref, NOWHERE, seed=0, image_size_px=self.side)
        return Classifier(backbone, LinearHead(backbone.dim, CLASSES, seed=0))


def ours(
    setup: Setup, batches: Callable[[Sequence[Tensor]], Iterator[ImageBatch]], precision: Precision
) -> Side:
    model, took = setup.our_model(), [0.0]

    def timed(indices: Sequence[Tensor]) -> Iterator[ImageBatch]:
        begin = clock(setup.device)
        yield from batches(indices)
        took[0] = (clock(setup.device) - begin) / setup.steps

    training: Training[ImageBatch] = Training(
        cases=setup.steps * setup.batch,
        batches=timed,
        loss=lambda module, batch: functional.cross_entropy(module(batch.x_nchw), batch.labels),
        evaluate=lambda _: {"val/accuracy": 0.0},
    )
    config = FitConfig(epochs=1, batch_size=setup.batch, optimizer=OPTIMIZER, precision=precision)

    def run() -> float:
        with tempfile.TemporaryDirectory() as folder:
            context = Context.local(Path(folder), NOWHERE)
            context.device = setup.device
            fit(model, training, config, context)
        return took[0]

    return run


def same_batch(setup: Setup) -> Callable[[Sequence[Tensor]], Iterator[ImageBatch]]:
    x_nchw = torch.randn(setup.batch, 3, setup.side, setup.side, device=setup.device)
    labels = torch.randint(0, CLASSES, (setup.batch,), device=setup.device)
    return lambda indices: (ImageBatch(x_nchw, labels) for _ in indices)


def timm_loop(setup: Setup, precision: Precision) -> Side:
    model = setup.peer_model()
    x_nchw = torch.randn(setup.batch, 3, setup.side, setup.side, device=setup.device)
    if is_convolutional(model):
        model = model.to(memory_format=torch.channels_last)
        x_nchw = x_nchw.contiguous(memory_format=torch.channels_last)
    optimizer = create_optimizer_v2(model, opt=OPTIMIZER.name, lr=OPTIMIZER.lr)
    loss = nn.CrossEntropyLoss().to(setup.device)

    def step() -> None:
        optimizer.zero_grad()
        with autocast(precision, setup.device):
            output = model(x_nchw)
        target = torch.empty(setup.batch, device=setup.device, dtype=torch.long)
        loss(output, target.random_(CLASSES)).backward()
        optimizer.step()

    return lambda: _per_step(setup, step)


def forward_and_backward(setup: Setup, precision: Precision) -> Side:
    model = setup.peer_model()
    if is_convolutional(model):
        model = model.to(memory_format=torch.channels_last)
    ((x_nchw, labels),) = same_batch(setup)([torch.empty(0)])

    def step() -> None:
        with autocast(precision, setup.device):
            torch.autograd.backward(functional.cross_entropy(model(x_nchw), labels))

    return lambda: _per_step(setup, step)


def _per_step(setup: Setup, step: Callable[[], None]) -> float:
    begin = clock(setup.device)
    for _ in range(setup.steps):
        step()
    return (clock(setup.device) - begin) / setup.steps


class _Files(Dataset[tuple[Tensor, int]]):
    def __init__(self, files: list[Path], side: int) -> None:
        self.files = files
        self.apply = transforms.Compose(
            [
                transforms.Resize((side, side)),
                transforms.ToTensor(),
                transforms.Normalize(MEAN, STD),
            ]
        )

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        with Image.open(self.files[index]) as picture:
            return self.apply(picture.convert("RGB")), index % CLASSES


def released_style(setup: Setup, files: list[Path]) -> Side:
    model, loss = setup.peer_model(), nn.CrossEntropyLoss()
    optimizer = torch.optim.AdamW(model.parameters(), lr=OPTIMIZER.lr)
    loader = DataLoader(_Files(files, setup.side), batch_size=setup.batch, shuffle=True)

    def run() -> float:
        begin = clock(setup.device)
        losses, right = 0.0, 0
        for x_nchw, labels in loader:
            x_nchw, labels = x_nchw.to(setup.device), labels.to(setup.device)
            logits_nk = model(x_nchw)
            value = loss(logits_nk, labels)
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            losses += value.item()
            right += (logits_nk.argmax(dim=1) == labels).sum().item()
        return (clock(setup.device) - begin) / setup.steps

    return run


def compare(setup: Setup, turns: int) -> dict[str, float]:
    transform = EvalTransform(size_px=setup.side, mean=MEAN, std=STD, interpolation="bilinear")
    with tempfile.TemporaryDirectory() as name:
        made_nhwc = smooth_pictures(setup.steps * setup.batch, PICTURE_PX)
        files, images = write_jpegs(Path(name), made_nhwc), image_set(made_nhwc)

        def read(indices: Sequence[Tensor]) -> Iterator[ImageBatch]:
            return image_batches(images, transform, indices, setup.device)

        sides: dict[str, Side] = {}
        for precision in ("fp32", "bf16"):
            sides[f"timm {precision}"] = timm_loop(setup, precision)
            sides[f"ours {precision}"] = ours(setup, same_batch(setup), precision)
            sides[f"bound {precision}"] = forward_and_backward(setup, precision)
        sides["released style"] = released_style(setup, files)
        sides["ours fp32, pictures"] = ours(setup, read, "fp32")
        sides["ours bf16, pictures"] = ours(setup, read, "bf16")
        return in_turns(sides, turns)


def print_rows(setup: Setup, took: dict[str, float]) -> None:
    what = f"{setup.card}, {setup.batch} x {setup.side} px, {setup.device}"
    for name, seconds in took.items():
        print(f"{name:24}{1e3 * seconds:10.1f} ms/step")
    for precision in ("fp32", "bf16"):
        a, b, c = (1e3 * took[f"{side} {precision}"] for side in ("ours", "timm", "bound"))
        print(
            f"ROW | training step, {precision}, {what} | {a:.1f} ms | timm's benchmark: {b:.1f} ms "
            f"| {b / a:.2f} | >= 0.97 | {c:.1f} ms, forward and backward"
        )
    sides = ("ours bf16, pictures", "released style", "bound bf16")
    a, b, c = (1e3 * took[side] for side in sides)
    print(
        f"ROW | training step with its pictures, {what} | {a:.1f} ms | released style: {b:.1f} ms "
        f"| {b / a:.2f} | >= 1.5 | {c:.1f} ms, forward and backward"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--card", nargs="+", default=["resnet18", "deit_t"])
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--side", type=int, default=96)
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--turns", type=int, default=10)
    given = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    for card in given.card:
        setup = Setup(
            card=card,
            device=given.device,
            batch=given.batch,
            side=given.side,
            steps=given.steps,
        )
        print_rows(setup, compare(setup, given.turns))


if __name__ == "__main__":
    main()
