"""How alike the layers of a trained model are to those of its initial state, or of another model.

Matsoukas et al., CVPR 2022.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from trainables.analyses.analysis_config import Aggregate, check_analysis, check_pictures
from trainables.config import DataRef
from trainables.context import Context
from trainables.errors import ConfigError


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """CKA of all pairs of layers on the test pictures, from batches.

    Args:
        data: what the models were trained on.
        batch_size: pictures that are compared with each other; a last batch of fewer than four is
            left out.
        selection_metric: the validation metric that training chose the model by.
        compare: with the model's own initial state, or with the trained model of the input
            ``other``.
        aggregate: 'mean' is the mean of the batches' CKA, as in the paper; 'hsic' sums the terms of
            CKA over batches and divides then, an estimate for all pictures whatever the batch size.
    """

    trainable: ClassVar[str] = "layer_similarity"
    version: ClassVar[int] = 1

    data: DataRef
    selection_metric: str
    batch_size: int = 64
    compare: Literal["initial", "other"] = "initial"
    aggregate: Aggregate = "mean"

    def __post_init__(self) -> None:
        check_analysis(self)
        check_pictures(self.batch_size)
        if self.compare not in ("initial", "other"):
            raise ConfigError(f"compare must be initial or other, got '{self.compare}'")
        if self.aggregate not in ("mean", "hsic"):
            raise ConfigError(f"aggregate must be mean or hsic, got '{self.aggregate}'")


def run(config: Config, context: Context) -> dict[str, float]:
    """Report the trained model's validation metrics as step 1; replicates look at the layers.

    Needs the artifacts of a fine-tuned classifier as the input ``model``, and of another one of the
    same architecture and data as ``other`` to compare with. Returns ``test/...`` of the model, the
    similarity of every layer to its counterpart as ``cka/<NN>_<layer>``, and their mean as
    ``cka/mean`` (see docs/analyses.md).

    Raises:
        ConfigError, WeightsError, DatasetError: a model is missing, or not one of this data.
    """
    from trainables.analyses.trained_similarity import analyse

    return analyse(config, context)
