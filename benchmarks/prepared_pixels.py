"""Training pictures from prepared copies against decoding and resizing files by Pillow.

Both sides hand out one training picture after the other, from 2592 x 1944 JPEG files to the
normalised tensor of 224 x 224: resized to 256 x 256, a random crop of 0.5 to 1 of the area, a flip,
changes of colour. The peer is the usual data set of a repository: Pillow decodes, torchvision
transforms the Pillow picture. Ours reads copies with a short side of 256 px that
`xenograft prepare isic2019 --size 256` made, by the transform every trial uses. The random changes
are the same in kind and not in draws, so pixels are not compared here but in the tests.

Exact copies are timed too: the pixels of the files, so the resizing stays. And the decoder alone,
torchvision's against Pillow's. CPU time of one thread, sides in turns, the best of the rounds.

The bound is the training transform alone on copies that are in memory as tensors.

Run: python benchmarks/prepared_pixels.py [--pictures 32] [--rounds 10]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torchvision import transforms

from trainables.config import DataRef
from trainables.context import Locations
from trainables.data.augmentation import Augmentation
from trainables.data.make_copies import make_copies
from trainables.data.open import load_split
from trainables.data.pixels import read_image
from trainables.data.prepare import prepare
from trainables.data.transforms import TrainTransform

WIDTH, HEIGHT = 2592, 1944
SIDE, INPUT = 256, 224
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
Side = Callable[[int], object]
"""Makes the picture of an index."""
CLASSES = ("MEL", "NV", "BCC", "AK", "BKL", "DF", "VASC", "SCC")


def draw_set(folder: Path, pictures: int) -> None:
    """Write photographs in the layout of ISIC 2019: smooth colours, edges, a little noise."""
    rng = np.random.default_rng(0)
    (folder / "train").mkdir(parents=True)
    lines = ["image," + ",".join((*CLASSES, "UNK"))]
    for row in range(pictures):
        name = f"ISIC_{row:07d}"
        coarse = Image.fromarray(rng.integers(40, 220, size=(18, 24, 3), dtype=np.uint8))
        smooth = np.asarray(coarse.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC))
        noise = rng.integers(-6, 7, size=(HEIGHT, WIDTH, 1))
        pixels = np.clip(smooth + noise, 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / "train" / f"{name}.jpg", quality=90)
        one_hot = ["1.0" if k == row % len(CLASSES) else "0.0" for k in range(len(CLASSES) + 1)]
        lines.append(",".join([name, *one_hot]))
    (folder / "ISIC_2019_Training_GroundTruth.csv").write_text("\n".join(lines) + "\n")


def seconds_each(sides: dict[str, Side], pictures: int, rounds: int) -> dict[str, float]:
    """Return the best CPU seconds per picture of each side, in turns."""
    best = dict.fromkeys(sides, float("inf"))
    for _ in range(rounds):
        for name, side in sides.items():
            began = time.process_time()
            for index in range(pictures):
                side(index)
            best[name] = min(best[name], (time.process_time() - began) / pictures)
    return best


def pillow_pipeline() -> Callable[[Path], torch.Tensor]:
    steps = transforms.Compose(
        [
            transforms.Resize((SIDE, SIDE)),
            transforms.RandomResizedCrop(INPUT, scale=(0.5, 1.0)),
            transforms.RandomHorizontalFlip(),
            transforms.ColorJitter(0.1, 0.1, 0.1),
            transforms.ToTensor(),
            transforms.Normalize(MEAN, STD),
        ]
    )

    def load(path: Path) -> torch.Tensor:
        with Image.open(path) as image:
            fed: torch.Tensor = steps(image.convert("RGB"))
        return fed

    return load


def pillow_decode(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return image.convert("RGB")


def run(folder: Path, pictures: int, rounds: int) -> None:
    draw_set(folder / "isic", pictures)
    locations = Locations(data=folder / "data", weights=folder, store=folder / "store")
    prepare("isic2019", folder / "isic", locations)
    began = time.perf_counter()
    made = make_copies("isic2019", SIDE, locations)
    print(
        f"{made.pictures} pictures prepared in {time.perf_counter() - began:.1f} s, "
        f"{made.size_bytes / made.pictures / 1e3:.0f} kB each"
    )
    torch.set_num_threads(1)
    small = load_split(DataRef(name=f"isic2019@{SIDE}"), "train", locations)
    make_copies("isic2019", None, locations)
    exact = load_split(DataRef(name="isic2019"), "train", locations)
    transform = TrainTransform(
        size_px=INPUT,
        mean=MEAN,
        std=STD,
        crop_fraction=INPUT / SIDE,
        augmentation=Augmentation.preset("light"),
    ).build()
    load = pillow_pipeline()
    paths = [folder / "isic" / name for name in small.ids]
    in_memory = [small.image(index) for index in range(len(small))]

    sides: dict[str, Side] = {
        "copies": lambda index: transform(small.image(index)),
        "exact copies": lambda index: transform(exact.image(index)),
        "Pillow": lambda index: load(paths[index]),
        "bound": lambda index: transform(in_memory[index]),
        "decode, torchvision": lambda index: read_image(paths[index]),
        "decode, Pillow": lambda index: pillow_decode(paths[index]),
    }
    found = seconds_each(sides, len(paths), rounds)
    for name, seconds in found.items():
        print(f"{name:22}{1e3 * seconds:8.2f} ms CPU a picture")
    report(found)


def report(found: dict[str, float]) -> None:
    ms = {name: f"{1e3 * seconds:.2f} ms CPU" for name, seconds in found.items()}
    size = f"{WIDTH} x {HEIGHT} JPEG to training input"
    for ours, goal in (("copies", ">= 20"), ("exact copies", "")):
        print(
            f"ROW | {size}, {ours} | {ms[ours]} | Pillow: {ms['Pillow']} | "
            f"{found['Pillow'] / found[ours]:.1f} | {goal} | {ms['bound']}, the transform alone"
        )
    ours, peer = found["decode, torchvision"], found["decode, Pillow"]
    print(
        f"ROW | decoding {WIDTH} x {HEIGHT} JPEG | {ms['decode, torchvision']} | "
        f"Pillow: {ms['decode, Pillow']} | {peer / ours:.2f} | >= 1 | "
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=10)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        run(Path(name), arguments.pictures, arguments.rounds)


if __name__ == "__main__":
    main()
