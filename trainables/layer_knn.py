"""How well the features of every layer of a trained model tell classes apart, by neighbours.

Matsoukas et al., CVPR 2022.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from trainables.analyses.analysis_config import check_analysis, check_vote
from trainables.config import DataRef
from trainables.context import Context
from trainables.errors import ConfigError


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """Training pictures vote on test pictures, by cosine similarity, layer by layer.

    Args:
        data: what the model was trained on; all its training pictures vote.
        batch_size: pictures that are looked at together.
        selection_metric: the validation metric that training chose the model by.
        state: whose features: those of the trained model, or of the state it was trained from.
        k: neighbours; fewer training pictures vote as a whole.
        temperature: a neighbour weighs exp(similarity / temperature).
        strict: squash the shares once more by softmax or sigmoid, as the published code did.
    """

    trainable: ClassVar[str] = "layer_knn"
    version: ClassVar[int] = 1

    data: DataRef
    selection_metric: str
    batch_size: int = 64
    state: Literal["trained", "initial"] = "trained"
    k: int = 200
    temperature: float = 0.1
    strict: bool = False

    def __post_init__(self) -> None:
        check_analysis(self)
        if self.state not in ("trained", "initial"):
            raise ConfigError(f"state must be trained or initial, got '{self.state}'")
        check_vote(self.k, self.temperature)


def run(config: Config, context: Context) -> dict[str, float]:
    """Report the trained model's validation metrics as step 1; replicates look at the layers.

    Needs the artifacts of a fine-tuned classifier as the input ``model``. Returns ``test/...`` by
    the neighbours of the backbone's feature, and the selection metric of every layer as
    ``knn/<NN>_<layer>/<kind>`` (see docs/analyses.md).

    Raises:
        ConfigError, WeightsError, DatasetError: the model is missing, or not one of this data.
    """
    from trainables.analyses.trained_neighbours import analyse

    return analyse(config, context)
