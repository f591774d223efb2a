"""Small made sets in the official layouts of the real ones. Every picture is different."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

from trainables.data.sets.chexpert_findings import FINDINGS

DIAGNOSES = ("MEL", "NV", "BCC", "AK", "BKL", "DF", "VASC", "SCC", "UNK")


def write_picture(path: Path, seed: int, colour: bool = True) -> None:
    """Write random pixels, in the format of the file's suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = (8, 10, 3) if colour else (8, 10)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)).save(path)


def write_isic(source: Path, rows: int = 40) -> Path:
    """Write ISIC 2019; row i has diagnosis i modulo 8."""
    lines = [",".join(("image", *DIAGNOSES))]
    for row in range(rows):
        write_picture(source / "train" / f"ISIC_{row:07d}.jpg", row)
        marks = ["1.0" if k == row % 8 else "0.0" for k in range(9)]
        lines.append(",".join((f"ISIC_{row:07d}", *marks)))
    (source / "ISIC_2019_Training_GroundTruth.csv").write_text("\n".join(lines) + "\n")
    return source


def write_ddsm(source: Path, lists: dict[str, list[str]]) -> Path:
    """Write DDSM with these files in the lists."""
    folder = source / "ddsm_raw_image_lists"
    folder.mkdir(parents=True)
    names = [name for part in lists.values() for name in part]
    for seed, name in enumerate(names):
        write_picture(source / "ddsm_raw" / name, seed, colour=False)
    for split, part in lists.items():
        (folder / f"{split}.txt").write_text("".join(f"{name}\n" for name in part))
    return source


def write_camelyon(source: Path, labels: dict[str, list[int]]) -> Path:
    """Write PatchCamelyon as it is exported."""
    seed = 0
    for part, values in labels.items():
        for number in range(len(values)):
            write_picture(source / f"{part}_png_files" / f"img_{number}.png", seed)
            seed += 1
        (source / f"{part}_labels.json").write_text(json.dumps(values))
    return source


def write_chexpert(source: Path, paths: list[str], labels: list[list[float | None]]) -> Path:
    """Write CheXpert with one line per path, in this order."""
    columns = ("Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", *FINDINGS)
    lines = [",".join(columns)]
    for seed, (path, values) in enumerate(zip(paths, labels, strict=True)):
        write_picture(source / path.partition("/")[2], seed, colour=False)
        cells = ["" if value is None else str(value) for value in values]
        lines.append(",".join((path, "Female", "50", "Frontal", "AP", *cells)))
    (source / "train.csv").write_text("\n".join(lines) + "\n")
    return source


def chexpert_rows(
    patients: int, studies: int, shuffled: bool
) -> tuple[list[str], list[list[float | None]]]:
    """Return paths and raw labels; row i shows findings i and i + 1 modulo 14 or is uncertain."""
    rng = np.random.default_rng(3)
    paths, labels = [], []
    for patient in range(patients):
        order = rng.permutation(studies) if shuffled else range(studies)
        for study in order:
            paths.append(
                f"CheXpert-v1.0-small/train/patient{patient:05d}/study{study + 1}/view1_frontal.jpg"
            )
            values: list[float | None] = [None] * 14
            values[len(paths) % 14] = 1.0
            values[(len(paths) + 1) % 14] = -1.0
            values[(len(paths) + 2) % 14] = 0.0
            labels.append(values)
    return paths, labels


def write_imagenet_val(source: Path, pictures: int, synsets: int = 0) -> Path:
    """Write ImageNet's validation pictures, flat or in sub-folders by synset."""
    for number in range(1, pictures + 1):
        folder = source / f"n{number % synsets:08d}" if synsets else source
        write_picture(folder / f"ILSVRC2012_val_{number:08d}.JPEG", number)
    return source
