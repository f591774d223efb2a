"""Made-up pictures, as JPEG files and as an image set of arrays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from trainables.data.card import DataCard
from trainables.data.image_set import Annotations, ImageSet
from trainables.data.pixels import ArrayPixels

CLASSES = tuple("abcde")


def smooth_pictures(count: int, side: int) -> npt.NDArray[np.uint8]:
    """Return uint8 (count, side, side, 3)."""
    coarse = np.random.default_rng(0).integers(0, 256, (count, 8, 8, 3), dtype=np.uint8)
    return np.stack([np.asarray(Image.fromarray(a).resize((side, side))) for a in coarse])


def write_jpegs(folder: Path, pictures_nhwc: npt.NDArray[np.uint8]) -> list[Path]:
    files = [folder / f"{i}.jpg" for i in range(len(pictures_nhwc))]
    for file, picture_hwc in zip(files, pictures_nhwc, strict=True):
        Image.fromarray(picture_hwc).save(file, quality=90)
    return files


def image_set(pictures_nhwc: npt.NDArray[np.uint8]) -> ImageSet:
    count = len(pictures_nhwc)
    card = DataCard(
        name="made_up",
        title="Made up",
        task="multiclass",
        classes=CLASSES,
        domains=("here",),
        kind="synthetic",
        licence="CC0",
        module="unused",
    )
    annotations = Annotations(
        labels=np.arange(count) % len(CLASSES),
        domain_of=np.array(["here"] * count),
        ids=np.array([str(i) for i in range(count)]),
    )
    pixels = ArrayPixels([np.ascontiguousarray(pictures_nhwc.transpose(0, 3, 1, 2))])
    return ImageSet.of(card, "train", "", pixels, annotations)
