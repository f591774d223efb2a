"""Fine-tune CLIP on pictures and the texts about them: both towers, contrastively."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, get_args

from trainables.alignment.caption_mode import CaptionMode
from trainables.config import BackboneRef, DataRef
from trainables.context import Context
from trainables.data.augmentation import Augmentation
from trainables.engine.config import (
    AdamMoments,
    FitConfig,
    OptimizerConfig,
    Precision,
    ScheduleConfig,
)
from trainables.errors import ConfigError, check_at_least
from trainables.models.cards import get_backbone_card
from trainables.models.clip_pairs import has_clip_text


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """OpenCLIP's recipe of fine-tuning, in the settings of WhyLesionCLIP where they are known.

    Args:
        backbone: a card whose weights hold both towers; both are trained, with projections,
            positions and temperature.
        data: pictures with captions.
        captions: how the texts about a picture become pairs, see
            :mod:`trainables.alignment.captions`.
        batch_size: pairs per optimizer step over all ranks together; the published 128 is per GPU,
            of four. Pairs that do not fill a batch are left out of an epoch.
        optimizer: AdamW; OpenCLIP's default weight decay.
        betas, eps: of AdamW; OpenCLIP's for vision transformers.
        warmup_steps: linear, then half a cosine down to 0; a tenth of the run when None. OpenCLIP's
            own default of 10,000 may be longer than the run, which is warned of.
        local_loss, gather_with_grad: how ranks share the loss, see
            :mod:`trainables.alignment.pair_loss`. OpenCLIP's own default is both false.
        val_batch_size: pairs that validation compares with each other; its loss depends on it.
        val_pairs: the most pairs of a validation, the first ones.
        image_size_px, mean, std: of the input; those of the backbone's card when None, or of the
            file that was published beside its weights.
        augment: random changes of training pictures; OpenCLIP only crops them a little.
        clip_norm: upper bound of the global gradient norm; 0 leaves gradients as they are.
    """

    trainable: ClassVar[str] = "align"
    version: ClassVar[int] = 1
    shared_equally: ClassVar[tuple[str, ...]] = ("batch_size",)

    backbone: BackboneRef
    data: DataRef
    captions: CaptionMode = "findings"
    epochs: int = 10
    batch_size: int = 512  # 4 GPUs x 128
    optimizer: OptimizerConfig = field(
        default_factory=lambda: OptimizerConfig(lr=1e-5, weight_decay=0.2)
    )
    betas: tuple[float, float] = (0.9, 0.98)
    eps: float = 1e-6
    warmup_steps: int | None = None
    local_loss: bool = True
    gather_with_grad: bool = True
    val_batch_size: int = 128
    val_pairs: int = 10_000
    image_size_px: int | None = None
    mean: tuple[float, float, float] | None = None
    std: tuple[float, float, float] | None = None
    augment: Augmentation = field(default_factory=lambda: Augmentation(crop_scale=(0.9, 1.0)))
    precision: Precision = "fp32"
    clip_norm: float = 0.0

    def __post_init__(self) -> None:
        card = get_backbone_card(self.backbone.card)
        if not has_clip_text(card):
            raise ConfigError(f"'{card.name}' brings no text tower of CLIP to train beside it")
        if self.backbone.output_block is not None:
            raise ConfigError("backbone.output_block: both towers of CLIP are trained whole")
        if self.captions not in get_args(CaptionMode):
            raise ConfigError(
                f"captions must be one of {get_args(CaptionMode)}, got '{self.captions}'"
            )
        if self.local_loss and not self.gather_with_grad:
            raise ConfigError(
                "local_loss=true with gather_with_grad=false trains on wrong gradients: terms of "
                "other ranks are missing. Set gather_with_grad=true, or both to false as OpenCLIP "
                "does by default"
            )
        if self.optimizer.name != "adamw":
            raise ConfigError(f"optimizer.name must be adamw, got '{self.optimizer.name}'")
        if min(self.val_batch_size, self.val_pairs) < 2:
            raise ConfigError("val_batch_size and val_pairs must be >= 2: one pair has no negative")
        check_at_least(1, image_size_px=self.image_size_px)
        if self.std is not None and min(self.std) <= 0:
            raise ConfigError(f"std must be > 0, got {self.std}")
        self.fit_config(steps_per_epoch=1)

    def fit_config(self, steps_per_epoch: int) -> FitConfig:
        """Return what the training loop needs of this config."""
        warmup = self.warmup_steps
        if warmup is None:
            warmup = round(0.1 * steps_per_epoch * self.epochs)
        return FitConfig(
            epochs=self.epochs,
            batch_size=self.batch_size,
            # Pairs are compared with the others of their batch, so batches must be of one size.
            drop_last=True,
            optimizer=self.optimizer,
            schedule=ScheduleConfig(name="cosine", warmup_steps=warmup),
            precision=self.precision,
            clip_norm=self.clip_norm,
            selection_metric="val/contrastive_loss",
            selection="lowest",
            adam=AdamMoments(betas=self.betas, eps=self.eps),
            unfinished_warmup=True,
        )


def run(config: Config, context: Context) -> dict[str, float]:
    """Train, reporting every epoch; replicates leave the best epoch's towers and return its values.

    The towers are those of the lowest ``val/contrastive_loss``. They are left as a folder that
    OpenCLIP reads, see :mod:`trainables.alignment.openclip_folder`. There is no test split: other
    trials test what was trained.

    Raises:
        DatasetError, WeightsError: something the config names is not here or damaged.
        NonFiniteLossError: the loss became NaN or infinite.
        ConfigError: the ranks cannot share ``batch_size`` equally.
    """
    from trainables.alignment.training import train

    return train(config, context)
