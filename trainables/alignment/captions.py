"""From the texts about a picture to pairs of a picture and a caption.

Modes (``findings`` is what WhyLesionCLIP is taken to be trained on; none adds words or changes
the case):

* ``findings``: one pair per text;
* ``joined``: one pair per picture, its texts with ", " between them;
* ``sentences``: one pair per sentence of its texts;
* ``report``: one pair per picture, its texts with ". " between them: a set of reports has one
  text per picture, which stays as it was written.

Axes: n pairs.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from trainables.alignment.caption_mode import CaptionMode
from trainables.errors import DatasetError

if TYPE_CHECKING:
    from trainables.data.image_set import ImageSet

_BETWEEN: Mapping[CaptionMode, str] = {"joined": ", ", "report": ". "}
# A full stop inside a number ("2.5 mm") has no space after it.
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


def captions_from(texts: Sequence[str], mode: CaptionMode) -> tuple[str, ...]:
    """Return the captions that the texts of one picture make."""
    if mode in _BETWEEN:
        return (_BETWEEN[mode].join(texts),) if texts else ()
    if mode == "sentences":
        parts = (part.strip() for text in texts for part in _SENTENCE_END.split(text))
        return tuple(filter(None, parts))
    return tuple(texts)


@dataclass(frozen=True, kw_only=True, eq=False)
class Pairs:
    """Every pair of a set of pictures; texts stay where the set keeps them.

    Args:
        picture_n: index of the picture in ``images``.
        caption_n: which of the picture's captions.
    """

    images: ImageSet
    mode: CaptionMode
    picture_n: npt.NDArray[np.int32]
    caption_n: npt.NDArray[np.int32]

    @classmethod
    def of(cls, images: ImageSet, mode: CaptionMode, most: int | None = None) -> Pairs:
        """Count the captions of every picture, in its order.

        Args:
            most: leave out pairs after this many; None keeps all.

        Raises:
            DatasetError: there are no captions.
        """
        pictures, captions = array("i"), array("i")
        for index in range(len(images)):
            if most is not None and len(pictures) >= most:
                break
            found = len(captions_from(images.captions_of(index), mode)) if images.captions else 0
            pictures.extend([index] * found)
            captions.extend(range(found))
        if not pictures:
            raise DatasetError(
                f"{images.name}/{images.split}: no picture has a caption, so there are no pairs"
            )
        return cls(
            images=images,
            mode=mode,
            picture_n=np.frombuffer(pictures, dtype=np.int32)[:most],
            caption_n=np.frombuffer(captions, dtype=np.int32)[:most],
        )

    def __len__(self) -> int:
        return len(self.picture_n)

    def captions(self, indices: Sequence[int]) -> list[str]:
        """Return the captions of some pairs."""
        return [
            captions_from(self.images.captions_of(int(self.picture_n[i])), self.mode)[
                self.caption_n[i]
            ]
            for i in indices
        ]
