"""Domain generalisation by the protocol of DomainBed: train on some domains, test on others.

Leave-one-domain-out is one test domain and all others as sources; single-source is one source.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from trainables.config import DataRef
from trainables.context import Context
from trainables.data.augmentation import Augmentation
from trainables.data.cards import DATA_CARDS
from trainables.engine.config import OptimizerConfig, Precision
from trainables.errors import ConfigError, check_at_least, did_you_mean
from trainables.generalisation.config import MethodConfig

AUGMENTATION = Augmentation(
    crop_scale=(0.9, 1.0),
    horizontal_flip=0.5,
    brightness=0.3,
    contrast=0.3,
    saturation=0.3,
    hue=0.3,
    greyscale=0.1,
)
"""What the code of Baliah et al. (MLMI 2023) does: DomainBed's, with a crop of 0.9 for 0.7."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """One run of the protocol.

    The replicate's index is DomainBed's trial seed: with the place of a domain in the data card it
    decides which pictures are in the domain's in and out parts.

    Args:
        data: a set whose pictures are all in its split 'train'; domains are named below.
        source_domains: trained on (in parts) and validated on (out parts).
        test_domains: tested on, in replicates only; never reported while training.
        holdout_fraction: share of a domain's pictures that its out part gets.
        steps: optimizer steps; a method with nothing to train takes none.
        checkpoint_every: steps between two records, each of which is validated and reported. The
            first is taken after step 0, the last after the last step.
        batch_size: pictures of each source domain per step, over all ranks together; drawn with
            replacement, so domains count equally whatever their size.
        class_balanced: draw every class of a domain equally often.
        image_size_px: side of the square input; the backbone card's own when None.
        normalisation: by the mean and sd of ImageNet, as DomainBed does for every network, or of
            the backbone's card.
        augment: random changes of the pictures of source domains.
        augment_validation: change those of their out parts as well, as DomainBed does.
        selection_metric: validation metric that chooses the state to test; larger is better.
        evaluate: at every record of a replicate 'needed' measures the out parts of sources and the
            in parts of test domains (both at the last one), 'all' both parts of all domains.
        clip_norm: upper bound of the global gradient norm; 0 leaves gradients as they are.
    """

    trainable: ClassVar[str] = "generalise"
    version: ClassVar[int] = 1
    shared_equally: ClassVar[tuple[str, ...]] = ("batch_size",)

    method: MethodConfig
    data: DataRef
    source_domains: tuple[str, ...]
    test_domains: tuple[str, ...]
    holdout_fraction: float = 0.2
    steps: int = 5001
    checkpoint_every: int = 200
    batch_size: int = 32
    class_balanced: bool = False
    image_size_px: int | None = None
    normalisation: Literal["imagenet", "backbone"] = "imagenet"
    optimizer: OptimizerConfig = field(
        default_factory=lambda: OptimizerConfig(name="adam", lr=5e-5)
    )
    augment: Augmentation = AUGMENTATION
    augment_validation: bool = True
    selection_metric: str = "val/macro_f1_fixed"
    evaluate: Literal["needed", "all"] = "needed"
    precision: Precision = "fp32"
    clip_norm: float = 0.0

    def __post_init__(self) -> None:
        self._check_domains()
        self._check_choices()
        if not 0 < self.holdout_fraction < 1:
            raise ConfigError(f"holdout_fraction must be in (0, 1), got {self.holdout_fraction}")
        # Two pictures: of one there is no covariance, and it has no two halves.
        check_at_least(2, batch_size=self.batch_size)
        check_at_least(
            1,
            steps=self.steps,
            checkpoint_every=self.checkpoint_every,
            image_size_px=self.image_size_px,
        )
        check_at_least(0, clip_norm=self.clip_norm)
        if not self.selection_metric.startswith("val/"):
            raise ConfigError(
                f"selection_metric must be a 'val/' metric, got '{self.selection_metric}'"
            )

    def _check_domains(self) -> None:
        if self.data.domains:
            raise ConfigError("name domains in source_domains and test_domains, not data.domains")
        for name in ("source_domains", "test_domains"):
            if not getattr(self, name):
                raise ConfigError(f"{name} must name at least one domain")
        named = [*self.source_domains, *self.test_domains]
        twice = sorted({domain for domain in named if named.count(domain) > 1})
        if twice:
            raise ConfigError(
                f"{twice} may be named once only, in source_domains or in test_domains"
            )
        # A card that does not exist is reported, with those that do, where its data is looked for.
        card = DATA_CARDS.get(self.data.name)
        if card is None:
            return
        if card.task != "multiclass":
            raise ConfigError(f"data set '{card.name}' has labels that are no classes")
        for domain in named:
            if domain not in card.domains:
                raise ConfigError(
                    f"data set '{card.name}' has no domain '{domain}'."
                    f"{did_you_mean(domain, card.domains)}"
                )

    def _check_choices(self) -> None:
        for name, known in {
            "normalisation": ("imagenet", "backbone"),
            "evaluate": ("needed", "all"),
            "precision": ("fp32", "bf16", "fp16"),
        }.items():
            if getattr(self, name) not in known:
                raise ConfigError(f"{name} must be one of {known}, got '{getattr(self, name)}'")


def run(config: Config, context: Context) -> dict[str, float]:
    """Train, reporting every record; replicates return metrics of the test domains.

    See :func:`trainables.generalisation.evaluation.final_metrics` for their names. Replicates leave
    ``results.jsonl``, ``predictions.parquet``, ``model.safetensors`` and ``config.json``.

    Raises:
        DatasetError, WeightsError: something the config names is not here or damaged.
        ConfigError: the ranks cannot share a batch equally.
        NonFiniteLossError: the loss became NaN or infinite.
    """
    from trainables.generalisation.protocol import train_and_test

    return train_and_test(config, context)


def rehearse(config: Config, context: Context, workers: int) -> None:
    """Take two optimizer steps on made-up pictures, which need the memory that training needs.

    See :mod:`trainables.rehearsal`.
    """
    from trainables.generalisation.rehearsal import rehearse_training

    rehearse_training(config, context, workers)
