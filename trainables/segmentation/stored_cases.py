"""What a frozen encoder makes of pictures, and their masks at its size, computed once for all.

No picture changes from epoch to epoch, so prompt types, replicates and trials of a search share the
encoder's work. An entry of the store holds every case of a split in order: ``layer_<i>.npy`` for
each layer the decoder reads and ``masks.npy``. Layers are kept in the number format of the
arithmetic: under autocast the decoder rounds to it first of all.

Axes: n cases, t tokens, d width, h rows, w columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from trainables.config import canonical
from trainables.context import Context
from trainables.engine.config import Precision
from trainables.engine.precision import autocast
from trainables.models.card import RANDOM
from trainables.models.segmenter_cards import get_segmenter_card
from trainables.models.segmenters.segmenter import DecodingSegmenter
from trainables.models.weights import require_weights
from trainables.segmentation.cases import Cases
from trainables.segmentation.spec import SegmenterSpec

_VERSION = 1  # raised when the same pictures and weights would give other numbers
_AT_ONCE = 32
_DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
_MASKS = "masks.npy"


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class StoredCases:
    """Memory-mapped rows, one per case."""

    layers: tuple[npt.NDArray[Any], ...]
    masks_nhw: npt.NDArray[np.uint8]
    dtype: torch.dtype

    def activations(self, indices: Tensor) -> tuple[Tensor, ...]:
        """Return what the decoder reads of some cases, (n, t, d) each, on the CPU."""
        rows = indices.numpy()
        # NumPy knows no bfloat16: its bits are kept as integers.
        return tuple(torch.from_numpy(layer[rows]).view(self.dtype) for layer in self.layers)

    def shrunk(self, index: int) -> Tensor:
        """Return the mask of a case at the size of the network, as stored, uint8 (h, w)."""
        return torch.from_numpy(self.masks_nhw[index].copy())


def stored_cases(
    segmenter: DecodingSegmenter,
    spec: SegmenterSpec,
    cases: Cases,
    precision: Precision,
    context: Context,
) -> StoredCases:
    """Return all cases of a split from the store, running the frozen encoder once if needed.

    Raises:
        DatasetError: a picture or mask cannot be read.
        StorageError: the store cannot be written.
    """
    key = {
        **encoder_key(spec, precision, context),
        "cases": cases.images.identity(),
        "transform": canonical(cases.transform),
    }

    def build(folder: Path) -> None:
        _write(folder, segmenter, cases, precision, context)

    entry = context.store.get_or_build("activations", key, build)
    layers = sorted(entry.glob("layer_*.npy"))
    return StoredCases(
        layers=tuple(np.load(path, mmap_mode="r", allow_pickle=False) for path in layers),
        masks_nhw=np.load(entry / _MASKS, mmap_mode="r", allow_pickle=False),
        dtype=_DTYPES[precision],
    )


def encoder_key(spec: SegmenterSpec, precision: Precision, context: Context) -> dict[str, Any]:
    """Return what the numbers of a frozen encoder depend on beside its input."""
    ref = spec.segmenter
    card = get_segmenter_card(ref.card)
    return {
        "weights": require_weights(ref, context.locations).digest,
        "seed": spec.seed if ref.weights == RANDOM else None,
        "network": [card.name, canonical(card.sizes)],
        "libraries": {name: version(name) for name in ("torch", "transformers", "open_clip_torch")},
        "device": context.device.partition(":")[0],
        "precision": precision,
        "version": _VERSION,
    }


@torch.inference_mode()
def _write(
    folder: Path,
    segmenter: DecodingSegmenter,
    cases: Cases,
    precision: Precision,
    context: Context,
) -> None:
    was_training = segmenter.training
    segmenter.eval()
    side = cases.transform.size_px
    masks_nhw = _open(folder / _MASKS, (len(cases), side, side), np.uint8)
    layers: list[npt.NDArray[Any]] = []
    for start in range(0, len(cases), _AT_ONCE):
        indices = range(start, min(start + _AT_ONCE, len(cases)))
        outputs = _encoded(segmenter, cases, indices, precision, context)
        if not layers:
            layers = [
                _open(folder / f"layer_{i}.npy", (len(cases), *rows.shape[1:]), rows.dtype)
                for i, rows in enumerate(outputs)
            ]
        for layer, rows in zip(layers, outputs, strict=True):
            layer[indices.start : indices.stop] = rows
        for index in indices:
            masks_nhw[index] = cases.shrunk(index).numpy()
    segmenter.train(was_training)


def _encoded(
    segmenter: DecodingSegmenter,
    cases: Cases,
    indices: Sequence[int],
    precision: Precision,
    context: Context,
) -> list[npt.NDArray[Any]]:
    pixels_nchw = torch.stack([cases.pixels(index) for index in indices]).to(context.device)
    with autocast(precision, context.device):
        outputs = segmenter.encode_image(pixels_nchw)
    rows = [output.to(_DTYPES[precision]).cpu() for output in outputs]
    return [(r.view(torch.int16) if precision == "bf16" else r).numpy() for r in rows]


def _open(path: Path, shape: tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    return np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
