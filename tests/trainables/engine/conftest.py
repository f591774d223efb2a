"""Small image sets made of arrays and of files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from trainables.data.card import DataCard, Task
from trainables.data.image_set import Annotations, ImageSet
from trainables.data.pixels import ArrayPixels, FilePixels

SIZE = 11
CLASSES = ("none", "mild", "severe")


def _pictures() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (SIZE, 3, 16, 16), dtype=np.uint8)


def _make(pixels: ArrayPixels | FilePixels, task: Task = "multiclass") -> ImageSet:
    card = DataCard(
        name="tiny",
        title="Tiny",
        task=task,
        classes=CLASSES,
        domains=("here",),
        kind="synthetic",
        licence="CC0",
        module="unused",
    )
    labels = np.arange(SIZE) % 3
    return ImageSet.of(
        card,
        "val",
        "0" * 64,
        pixels,
        Annotations(
            labels=labels if task == "multiclass" else np.eye(3, dtype=np.float32)[labels],
            domain_of=np.array(["here"] * SIZE),
            ids=np.array([f"case-{i}" for i in range(SIZE)]),
        ),
    )


@pytest.fixture
def array_set() -> ImageSet:
    return _make(ArrayPixels([_pictures()]))


@pytest.fixture
def multilabel_set() -> ImageSet:
    return _make(ArrayPixels([_pictures()]), "multilabel")


@pytest.fixture
def file_set(tmp_path: Path) -> ImageSet:
    from PIL import Image

    paths = [tmp_path / f"{i}.png" for i in range(SIZE)]
    for path, picture in zip(paths, _pictures(), strict=True):
        Image.fromarray(picture.transpose(1, 2, 0)).save(path)
    return _make(FilePixels(paths))
