"""What the repository's own files set for each network, where an override does not.

Source: configs/experiment and configs/model of the repository of Poudel et al. (MIDL 2024). Its
launch scripts override rate and batch size, so a command without them is another run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

_DICE_CE = {
    "model.loss_fn._target_": "monai.losses.DiceCELoss",
    "model.loss_fn.lambda_dice": 1.0,
    "model.loss_fn.lambda_ce": 0.2,
}
_ADAMW = {
    "model.optimizer._target_": "torch.optim.AdamW",
    "model.optimizer.weight_decay": 1e-3,
}
_PLATEAU = {
    "model.scheduler._target_": "torch.optim.lr_scheduler.ReduceLROnPlateau",
    "model.scheduler.factor": 0.1,
    "model.scheduler.patience": 5,
}
_VISION_LANGUAGE = {**_DICE_CE, **_ADAMW, **_PLATEAU}
_CNN = {
    "model.loss_fn._target_": "src.losses.TunedDiceLoss",
    "model.optimizer._target_": "torch.optim.Adam",
    "model.optimizer.weight_decay": 0.0,
    "model.optimizer.lr": 1e-3,
}
_SHARED = {
    "datamodule.batch_size": 16,
    "trainer.min_epochs": 10,
    "trainer.max_epochs": 1000,
    "trainer.gradient_clip_val": 0.5,
    "trainer.precision": "16-mixed",
    "callbacks.early_stopping.patience": 20,
    "callbacks.early_stopping.min_delta": 1e-4,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Original:
    """One of the repository's networks.

    Args:
        card: our segmenter card of it.
        target: the class that its configuration names.
        tokenizer, context_length: how it reads text; None where it reads none.
        own: values by key that differ between networks.
    """

    card: str
    target: str
    own: Mapping[str, Any]
    tokenizer: Literal["clipseg", "biomedclip"] | None = None
    context_length: int | None = None

    @property
    def reads_text(self) -> bool:
        """Whether it is told by a prompt what to look for."""
        return self.tokenizer is not None

    @property
    def values(self) -> Mapping[str, Any]:
        """What its files set, by key."""
        return {**_SHARED, **self.own}


_CLIPSEG_LIKE = {**_VISION_LANGUAGE, "model.optimizer.lr": 2e-4}

ORIGINALS: Mapping[str, Original] = {
    "clipseg": Original(
        card="clipseg",
        target="src.models.CLIPSeg",
        tokenizer="clipseg",
        context_length=77,
        own=_CLIPSEG_LIKE,
    ),
    "biomed_clipseg": Original(
        card="biomed_clipseg",
        target="src.models.BiomedCLIPSeg",
        tokenizer="biomedclip",
        context_length=256,
        own={**_CLIPSEG_LIKE, "model.net.rand_init_decoder": True},
    ),
    "biomed_clipseg_d": Original(
        card="biomed_clipseg_d",
        target="src.models.BiomedCLIPSeg",
        tokenizer="biomedclip",
        context_length=256,
        own={**_CLIPSEG_LIKE, "model.net.rand_init_decoder": False},
    ),
    "cris": Original(
        card="cris",
        target="src.models.CRIS",
        tokenizer="clipseg",
        context_length=77,
        own={**_VISION_LANGUAGE, "model.optimizer.lr": 2e-5},
    ),
    "unet": Original(card="unet", target="src.models.UNet", own=_CNN),
    "unetpp": Original(card="unetpp", target="src.models.UNetPlusPlus", own=_CNN),
    "deeplabv3plus": Original(card="deeplabv3plus", target="src.models.DeepLabV3Plus", own=_CNN),
}
"""Name of an experiment file -> the network it is for."""

DATASETS: Mapping[str, str] = {
    "kvasir_polyp": "kvasir_polyp",
    "clinicdb_polyp": "clinicdb_polyp",
    "bkai_polyp": "bkai_polyp",
    "cvc300_polyp": "cvc300_polyp",
    "colondb_polyp": "colondb_polyp",
    "cvc_colondb_polyp": "colondb_polyp",
    "etis_polyp": "etis_polyp",
    "isic": "isic2016",
    "dfu": "dfu",
    "camus": "camus",
    "busi": "busi",
    "chexlocalize": "chexlocalize",
    "pooled_polyp": "pooled_polyp",
    "pooled_all": "pooled_all",
}
"""Name of a datamodule file -> our data card."""

WITH_TEXT, WITHOUT_TEXT = "img_txt_mask", "img_mask"
"""Folders of datamodule files."""
