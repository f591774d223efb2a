"""How well what the last layer of a trained model reads tells classes apart, by neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from trainables.analyses.analysis_config import check_analysis, check_vote
from trainables.config import DataRef
from trainables.context import Context


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """Training pictures vote on test pictures, by cosine similarity, whatever the head is.

    Args:
        data: what the model was trained on; all its training pictures vote.
        batch_size: pictures that are looked at together.
        selection_metric: the validation metric that training chose the model by.
        k: neighbours; fewer training pictures vote as a whole.
        temperature: a neighbour weighs exp(similarity / temperature).
    """

    trainable: ClassVar[str] = "embedding_knn"
    version: ClassVar[int] = 1

    data: DataRef
    selection_metric: str
    batch_size: int = 64
    k: int = 200
    temperature: float = 0.1

    def __post_init__(self) -> None:
        check_analysis(self)
        check_vote(self.k, self.temperature)


def run(config: Config, context: Context) -> dict[str, float]:
    """Report the trained model's validation metrics as step 1; replicates ask the neighbours.

    Needs the artifacts of a fine-tuned classifier as the input ``model``. Returns ``test/...`` by
    the votes (see docs/analyses.md).

    Raises:
        ConfigError, WeightsError, DatasetError: the model is missing, or not one of this data.
    """
    from trainables.analyses.embedding_neighbours import analyse

    return analyse(config, context)
