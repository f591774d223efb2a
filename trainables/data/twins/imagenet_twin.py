"""Small coloured pictures of ten textures and shapes: a source domain to pretrain on.

Stands in for natural photographs: edges, blobs, lines and textures at many scales, in any place,
size and direction, under uneven light. Most pictures of a class share a colour, as most bananas do.
Nothing in them is medical.
"""

from __future__ import annotations

from trainables.data.twin import TwinParameters
from trainables.data.twins.generated import GeneratedSource

_CLASSES = 10

SOURCE = GeneratedSource(
    family="imagenet_twin",
    version=1,
    parameters={
        "imagenet_twin": TwinParameters(
            shares=(1 / _CLASSES,) * _CLASSES,
            # A source domain is larger than what is fine-tuned on.
            counts={"train": 3000, "val": 300, "test": 300},
        )
    },
    module="twins.imagenet_twin_pixels",
)
