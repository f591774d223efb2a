"""A corpus of flat pictures whose findings name their colour and brightness."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

COLOURS = ("red", "green", "blue")
LEVELS = {"dark": 80, "pale": 200}


def rows_of(n_train: int, n_val: int) -> list[dict[str, Any]]:
    """Return the rows of a table; every picture has two findings and a report of both."""
    rows = []
    for number in range(n_train + n_val):
        level = list(LEVELS)[number // 3 % 2]
        findings = [f"{COLOURS[number % 3]} spot", f"{level} border"]
        rows.append(
            {
                "report_id": f"r{number}",
                "images": [f"pictures/{number}.png"],
                "findings": findings,
                "report": f"A {findings[0]}. A {findings[1]}.",
                "split": "train" if number < n_train else "val",
            }
        )
    return rows


def write_corpus(data: Path, rows: Sequence[dict[str, Any]], size_px: int = 24) -> Path:
    """Write pictures and JSON lines where the cards of ISIC look for them; return the table."""
    folder = data / "isic_pairs"
    (folder / "pictures").mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    for number, row in enumerate(rows):
        level = list(LEVELS.values())[number // 3 % 2]
        picture = rng.integers(0, 40, (size_px, size_px, 3), dtype=np.uint8)
        picture[:, :, number % 3] += np.uint8(level)
        for image in row["images"]:
            Image.fromarray(picture).save(folder / image)
    table = folder / "captions.jsonl"
    table.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return table
