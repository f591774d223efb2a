"""How alike what the last layers of two trained models read is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from trainables.analyses.analysis_config import check_analysis, check_pictures
from trainables.config import DataRef
from trainables.context import Context


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """CKA on the test pictures, which each model sees in the way it was trained for.

    Args:
        data: what both models were trained on.
        batch_size: pictures that are compared with each other; a last batch of fewer than four is
            left out.
        selection_metric: the validation metric that training chose the models by.
    """

    trainable: ClassVar[str] = "embedding_similarity"
    version: ClassVar[int] = 1

    data: DataRef
    selection_metric: str
    batch_size: int = 64

    def __post_init__(self) -> None:
        check_analysis(self)
        check_pictures(self.batch_size)


def run(config: Config, context: Context) -> dict[str, float]:
    """Report the validation metrics of ``model`` as step 1; replicates compare the two.

    Needs the artifacts of fine-tuned classifiers, of any architectures, as the inputs ``model`` and
    ``other``. Returns ``test/...`` of ``model`` and ``cka/last`` (see docs/analyses.md).

    Raises:
        ConfigError, WeightsError, DatasetError: a model is missing, or not one of this data.
    """
    from trainables.analyses.embedding_cka import analyse

    return analyse(config, context)
