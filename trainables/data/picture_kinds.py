"""Kinds of picture files that can be read, by suffix in lower case."""

from __future__ import annotations

TORCHVISION = frozenset({".png", ".jpg", ".jpeg", ".webp"})
PILLOW = frozenset({".tif", ".tiff", ".bmp"})
PICTURES = TORCHVISION | PILLOW
