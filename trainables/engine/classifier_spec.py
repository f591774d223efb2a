"""What a classifier is made of, and how it is made."""

from __future__ import annotations

from dataclasses import dataclass, field

from trainables.config import BackboneRef, seed_from
from trainables.context import Locations
from trainables.data.card import Task
from trainables.data.transforms import EvalTransform
from trainables.models.backbone import Backbone
from trainables.models.factory import create_backbone
from trainables.models.head_config import HeadConfig
from trainables.models.head_factory import create_head
from trainables.models.heads import Classifier


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassifierSpec:
    """What has to be known beside the weights.

    Args:
        backbone: and the weights it started from; what they became is elsewhere.
        head: likewise.
        transform: of the pictures it reads; says how large they are and of how many channels.
        unit_features: see :class:`trainables.models.heads.Classifier`.
    """

    backbone: BackboneRef
    head: HeadConfig = field(default_factory=HeadConfig)
    classes: tuple[str, ...]
    task: Task
    transform: EvalTransform
    unit_features: bool = False


def create_classifier(
    spec: ClassifierSpec,
    locations: Locations,
    seed: int,
    replicate: int = 0,
    backbone: Backbone | None = None,
) -> Classifier:
    """Build a classifier that starts from the weights its spec names.

    Args:
        seed: decides what is drawn, see :func:`trainables.models.factory.create_backbone`.
        backbone: one that has its weights already; the spec's is made when None.

    Raises:
        SelectionError, WeightsError, StorageError, ConfigError: see there, and
            :func:`trainables.models.head_factory.create_head`.
    """
    if backbone is None:
        backbone = create_backbone(
            spec.backbone,
            locations,
            seed=seed_from(seed, "backbone"),
            image_size_px=spec.transform.size_px,
            in_chans=len(spec.transform.mean),
            replicate=replicate,
        )
    head = create_head(spec.head, backbone, len(spec.classes), locations, seed, replicate)
    return Classifier(backbone, head, spec.unit_features)
