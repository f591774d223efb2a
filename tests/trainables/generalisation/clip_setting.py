"""A small CLIP, a batch and a place to build methods in, for the tests of methods with texts."""

from __future__ import annotations

import torch

from trainables.config import BackboneRef
from trainables.context import Context, Locations
from trainables.engine.batches import ImageBatch
from trainables.generalisation.config import MethodConfig
from trainables.generalisation.create import create_method
from trainables.generalisation.method import Method, Setting
from trainables.generalisation.text_config import PromptConfig, TextConfig

CLIP = BackboneRef(card="clip_vit_b16_twin")
BIOMED = BackboneRef(card="biomed_clip_twin")
NAMES = ("No DR", "mild DR", "moderate DR", "severe DR", "proliferative DR")
K = len(NAMES)


def setting_of(locations: Locations, rank: int = 0, world_size: int = 1) -> Setting:
    context = Context(
        trial_id="clip",
        seed=3,
        folder=locations.store,
        locations=locations,
        rank=rank,
        world_size=world_size,
    )
    return Setting(
        classes=tuple(f"grade {k}" for k in range(K)),
        domains=2,
        image_size_px=32,
        context=context,
    )


def method_of(
    name: str,
    locations: Locations,
    backbone: BackboneRef = CLIP,
    encoder: str | None = None,
    prompt: PromptConfig | None = None,
    **parts: object,
) -> Method:
    ref = None if encoder is None else BackboneRef(card=encoder, weights="twin")
    config = MethodConfig(
        name=name,
        backbone=backbone,
        text=TextConfig(encoder=ref, class_names=NAMES),
        prompt=prompt or PromptConfig(),
        **parts,  # type: ignore[arg-type]
    )
    return create_method(config, setting_of(locations))


def batches_of(seed: int, size: int = 4) -> list[ImageBatch]:
    """One batch for each of two domains; one class occurs twice, one not at all."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.tensor([0, 1, 2, 0, 4, 1, 2, 4])[: 2 * size]
    x_nchw = torch.randn(2 * size, 3, 32, 32, generator=generator)
    return [ImageBatch(x_nchw[:size], labels[:size]), ImageBatch(x_nchw[size:], labels[size:])]
