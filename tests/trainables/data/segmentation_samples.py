"""Small sets in the layout of MedVLSM, with made-up prompts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from trainables.data.sets.segmentation_sets import BY_NAME


def entry(picture: str, mask: str, types: Sequence[str]) -> dict[str, Any]:
    """Return an annotation as the released files have it, with fields that nobody reads."""
    prompts: dict[str, Any] = {kind: f"{kind} of {mask}" for kind in types}
    prompts[types[0]] = ""
    if len(types) > 7:
        prompts["p7"] = [f"first wording of {mask}", f"second wording of {mask}"]
    return {"bbox": [0, 0, 1, 1], "cat": 0, "img_name": picture, "mask_name": mask,
            "prompts": prompts, "sentences_num": 1}  # fmt: skip


def names_of(folder: str, number: int) -> tuple[str, str]:
    """Return picture and mask of the case with this number in a set's folder."""
    if folder == "camus":
        picture = f"patient{number // 3:04d}_2CH_ED.png"
        return picture, f"mask_{number % 3 + 1}/{picture}"
    if folder == "busi":
        kind = ("benign", "malignant", "normal")[number % 3]
        return f"{number}_{kind}.png", f"{number}_{kind}.png"
    if folder == "chexlocalize":
        finding = ("cardiomegaly", "edema")[number % 2]
        stem = f"patient{number // 2:05d}_study1_view1_frontal"
        return f"{stem}.jpg", f"{stem}_{finding}.png"
    return f"{number}.png", f"{number}_m.png"


def write_set(root: Path, name: str, counts: tuple[int, int, int] = (12, 6, 6)) -> Path:
    """Write a set with this many cases in train, val and test, and return its folder.

    A picture has three cases in 'camus', two in 'chexlocalize', one elsewhere.
    Pictures are noise, 10 wide and 8 high; masks have one white column, none of normal breasts.
    """
    known = BY_NAME[name]
    folder = root / known.folder
    number = 0
    for split, count in zip(("train", "val", "test"), counts, strict=True):
        cases = []
        for _ in range(count):
            picture, mask = names_of(known.folder, number)
            part = "" if name != "camus" else "test" if split == "test" else "train"
            save_picture(folder / "images" / part / picture, number)
            save_mask(folder / "masks" / part / mask, column=number % 10, empty="normal" in mask)
            cases.append(entry(picture, mask, known.prompt_types))
            number += 1
        if cases:
            write_cases(folder, split, cases)
    return folder


def write_cases(folder: Path, split: str, cases: list[dict[str, Any]]) -> Path:
    path = folder / "anns" / f"{split}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(cases))
    return path


def save_picture(path: Path, seed: int) -> None:
    if path.exists():
        # It is another case's too.
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels_hwc = np.random.default_rng(seed).integers(0, 256, (8, 10, 3), dtype=np.uint8)
    grey = path.name.startswith("patient")
    Image.fromarray(pixels_hwc[:, :, 0] if grey else pixels_hwc).save(path)


def save_mask(path: Path, column: int, *, empty: bool = False) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    mask_hw = np.zeros((8, 10), dtype=np.uint8)
    if not empty:
        mask_hw[:, column] = 255
    Image.fromarray(mask_hw).save(path)
