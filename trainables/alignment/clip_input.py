"""Towers that another cell fine-tuned, in the place of those that a config names.

A study gives a cell ``needs={"clip": CellRef.of(...)}`` of a cell that leaves aligned towers. The
config goes on naming the card they were fine-tuned from, which says what their architecture is;
weights, mean, sd, size and crop are those of the folder.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from trainables.alignment.openclip_folder import (
    AlignedClip,
    aligned_weights,
    describe_aligned,
    load_aligned,
)
from trainables.config import BackboneRef
from trainables.context import Context
from trainables.data.content_hash import content_sha256
from trainables.data.transforms import EvalTransform
from trainables.errors import ConfigError
from trainables.models.card import BackboneCard

INPUT = "clip"
"""Name of the input that holds the folder of aligned towers."""


@dataclass(frozen=True, kw_only=True)
class ClipInput:
    """The folder of the input ``clip``; towers are read from it when they are asked for.

    Args:
        card: as the towers were trained with.
        transform: what pictures go through.
        digest: sha256 of the weights.
    """

    folder: Path
    card: BackboneCard
    transform: EvalTransform
    digest: str

    def towers(self) -> AlignedClip:
        """Read both towers."""
        return load_aligned(self.folder)

    def temperature(self) -> float:
        """Return what cosines are multiplied by to make logits."""
        return self.towers().texts.temperature

    def text_vectors(self, sentences: Sequence[str]) -> Tensor:
        """Return one vector of length one per sentence, (n, d), on the CPU."""
        # A tensor made in inference mode cannot take part in training.
        return self.towers().texts.encode_texts(sentences).clone()


def clip_input(backbone: BackboneRef, context: Context) -> ClipInput | None:
    """Return the towers that stand in for a backbone; None: the trial has no such input.

    Raises:
        ConfigError: they are of another architecture than the backbone, or of a part of it.
        WeightsError: the folder holds no aligned towers.
    """
    if INPUT not in context.inputs:
        return None
    folder = context.inputs[INPUT]
    card, transform = describe_aligned(folder)
    if card.name != backbone.card:
        raise ConfigError(
            f"input '{INPUT}' in {folder} holds towers of '{card.name}', the config names "
            f"'{backbone.card}': both cells need the same backbone"
        )
    if backbone.transfer_level is not None or backbone.output_block is not None:
        raise ConfigError(
            f"input '{INPUT}' brings weights of its own, whole: leave out backbone.transfer_level "
            "and backbone.output_block"
        )
    digest = content_sha256(aligned_weights(folder), context.locations.store)
    return ClipInput(folder=folder, card=card, transform=transform, digest=digest)


def check_input_transform(found: ClipInput, image_size_px: int | None, channels: str) -> None:
    """Make sure that a config asks for no other pictures than the towers were trained on.

    Raises:
        ConfigError: it does.
    """
    if image_size_px not in (None, found.transform.size_px):
        raise ConfigError(
            f"image_size_px={image_size_px}: the towers of input '{INPUT}' read "
            f"{found.transform.size_px} px, leave it out"
        )
    if channels != "rgb":
        raise ConfigError(f"channels={channels}: the towers of input '{INPUT}' read rgb")
