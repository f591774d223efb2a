"""A small APTOS-like folder, as a user would bring it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from data_samples import AptosFolder
from PIL import Image


@pytest.fixture
def aptos_folder(tmp_path: Path) -> AptosFolder:
    """Return a function that writes ``rows`` different pictures and their train.csv."""

    def write(rows: int = 20, folder: str = "aptos") -> Path:
        source = tmp_path / folder
        (source / "train_images").mkdir(parents=True)
        lines = ["id_code,diagnosis"]
        for row in range(rows):
            pixels_hwc = np.random.default_rng(row).integers(0, 256, (8, 10, 3), dtype=np.uint8)
            Image.fromarray(pixels_hwc).save(source / "train_images" / f"eye{row:03d}.png")
            lines.append(f"eye{row:03d},{row % 5}")
        (source / "train.csv").write_text("\n".join(lines) + "\n")
        return source

    return write
