"""How far a data set is from another, such as ImageNet: the Frechet distance of their features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from trainables.config import BackboneRef, DataRef
from trainables.context import Context
from trainables.errors import check_at_least


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """Frechet distance between all pictures of two sets, seen in colour by a frozen backbone.

    Args:
        backbone: 'inception_fid' makes the distance the FID of Heusel et al. (2017).
        data: the set whose distance is asked for.
        reference: the set it is measured from.
        image_size_px: side of the square input; the backbone card's own when None.
    """

    trainable: ClassVar[str] = "data_distance"
    version: ClassVar[int] = 1

    backbone: BackboneRef
    data: DataRef
    reference: DataRef
    image_size_px: int | None = None

    def __post_init__(self) -> None:
        check_at_least(1, image_size_px=self.image_size_px)


def run(config: Config, context: Context) -> dict[str, float]:
    """Report ``val/fid``, of the validation pictures to the reference, as step 1, the only one.

    Replicates return ``fid``, of the pictures of all splits, and how many pictures there were
    (``n``, ``n_reference``). Search trials leave out the test split of both sets. Labels are not
    used. The distance is smaller for more alike sets, and depends on the number of pictures: see
    :func:`trainables.analyses.fid.frechet_distance`.

    Raises:
        DatasetError, WeightsError: something the config names is not here or damaged, or there are
            fewer than two pictures.
    """
    from trainables.analyses.data_distance import measure

    return measure(config, context)
