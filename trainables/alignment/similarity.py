"""How well texts, such as findings, fit pictures, by a CLIP of a hub or one tuned here.

Axes: n pictures, t texts, d width.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from trainables.alignment.clip_transform import clip_transform
from trainables.alignment.openclip_folder import AlignedClip, load_aligned
from trainables.config import BackboneRef
from trainables.context import Locations
from trainables.data.pixels import read_image
from trainables.models.clip_text import create_clip_text
from trainables.models.factory import create_backbone

logger = logging.getLogger(__name__)

NOTICE = (
    "Cosines of a research model. They are no finding and no diagnosis, are not calibrated, and "
    "must not be used to care for patients."
)


def similarities(
    clip: Path | BackboneRef,
    pictures: Sequence[Path],
    texts: Sequence[str],
    locations: Locations | None = None,
) -> Tensor:
    """Return the cosine of every picture with every text, (n, t), on the CPU.

    A softmax over the texts of 100 times a row is what model cards of CLIP show. For research only:
    see :data:`NOTICE`, which is logged.

    Args:
        clip: a folder that ``align`` or ``lsl`` left, or a card of CLIP's kind and its weights.
        pictures: files; each is decoded, resized and cropped as the towers were trained.
        locations: where the weights of a card are; not asked for with a folder.

    Raises:
        ValueError: a card without locations.
        WeightsError: the towers are not here or damaged.
        DatasetError: a picture cannot be read.
        ConfigError: a text is too long, or the card brings no text tower of CLIP.
    """
    logger.warning(NOTICE)
    towers = load_aligned(clip) if isinstance(clip, Path) else _of_card(clip, locations)
    return cosines(towers, (read_image(path) for path in pictures), texts)


def cosines(towers: AlignedClip, pictures: Iterable[Tensor], texts: Sequence[str]) -> Tensor:
    """Return the cosine of every picture, uint8 (3, h, w), with every text, (n, t), on the CPU.

    Raises:
        ConfigError: a text is too long.
    """
    apply = towers.transform.build()
    with torch.no_grad():
        rows = [towers.images(apply(picture_chw)[None]) for picture_chw in pictures]
        images_nd = functional.normalize(torch.cat(rows), dim=-1)
        return images_nd @ towers.texts.encode_texts(texts).T


def _of_card(ref: BackboneRef, locations: Locations | None) -> AlignedClip:
    if locations is None:
        raise ValueError(f"say where the weights of '{ref.card}' are: locations=...")
    transform = clip_transform(ref, locations)
    return AlignedClip(
        images=create_backbone(ref, locations, seed=0, image_size_px=transform.size_px).eval(),
        texts=create_clip_text(ref, locations, seed=0),
        transform=transform,
    )
