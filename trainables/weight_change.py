"""How far training moved the weights of every layer.

Matsoukas et al., CVPR 2022.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from trainables.analyses.analysis_config import check_analysis
from trainables.config import DataRef
from trainables.context import Context


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """Compare the trained weights with those training began with.

    Args:
        data: what the model was trained on.
        batch_size: pictures that are looked at together.
        selection_metric: the validation metric that training chose the model by.
    """

    trainable: ClassVar[str] = "weight_change"
    version: ClassVar[int] = 1

    data: DataRef
    selection_metric: str
    batch_size: int = 64

    def __post_init__(self) -> None:
        check_analysis(self)


def run(config: Config, context: Context) -> dict[str, float]:
    """Report the trained model's validation metrics as step 1; replicates look at the layers.

    Needs the artifacts of a fine-tuned classifier as the input ``model``. Returns ``test/...`` of
    the model, the distance of every layer as ``l2/<NN>_<layer>``, and their mean as ``l2/total``
    (see docs/analyses.md).

    Raises:
        ConfigError, WeightsError, DatasetError: the model is missing, or not one of this data.
    """
    from trainables.analyses.trained_distance import analyse

    return analyse(config, context)
