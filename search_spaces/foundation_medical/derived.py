"""The relative gain of Figure 1, and the paper's own numbers."""

from __future__ import annotations

from search_spaces.derived import Values
from search_spaces.foundation_medical.grid import BACKBONE, DATASET, REFERENCE
from search_spaces.published_numbers import published_rows
from search_spaces.study import Published

_METHODS = {
    "SAM ViT-B": "sam_vit_b",
    "SEEM Focal-T": "seem_focal_t",
    "DINOv2 ViT-B/14": "dinov2_vit_b14",
    "BLIP base": "blip_base",
    "OpenCLIP ViT-B/16": "openclip_vit_b16",
    "DeiT-B/16 ImageNet-1k supervised": "deit_b",
    "DINO DeiT-B/16": "dino_vit_b16",
    "ResNet152 ImageNet-1k": "resnet152",
}
_HEADS = {"linear": "linear", "DeiT-B": "deit_b"}


def relative_gain(means: Values) -> Values:
    """Return the mean over data sets of 100 (m - m0) / m0, m0 of DeiT-B with a linear head.

    The reference is trained as the model it is compared with. A model without all data sets has no
    gain.
    """
    gains: dict[tuple[str, ...], float] = {}
    for backbone, head, training, _, profile in means:
        parts: list[float] = []
        for dataset in DATASET.levels:
            ours = means.get((backbone, head, training, dataset, profile))
            reference = means.get((REFERENCE, "linear", training, dataset, profile))
            if ours is None or reference is None:
                break
            parts.append(100 * (ours - reference) / reference if reference else float("nan"))
        else:
            gains[backbone, head, training, profile] = sum(parts) / len(parts)
    return gains


def published_gains() -> dict[tuple[str, ...], Published]:
    """Return the bars of Figure 1, which can only be those of fine-tuned models."""
    found: dict[tuple[str, ...], Published] = {}
    for row in published_rows("foundation_medical", "Figure 1 (digitised)"):
        backbone, _, head = row.method.rpartition(" + ")
        found[_METHODS[backbone], _HEADS[head], "fine_tuned", "paper"] = row.as_published()
    assert {levels[0] for levels in found} == set(BACKBONE.levels)
    return found
