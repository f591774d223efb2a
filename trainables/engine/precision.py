"""Number formats: fp32, bf16 autocast, fp16 autocast with a gradient scaler."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch

from trainables.engine.config import Precision
from trainables.errors import ConfigError


def autocast(precision: Precision, device: str) -> AbstractContextManager[object]:
    """Return the context in which the forward pass and the loss run.

    Raises:
        ConfigError: fp16 was asked for on a CPU, which has no fast fp16 arithmetic.
    """
    if precision == "fp32":
        return nullcontext()
    kind = torch.device(device).type
    if precision == "fp16" and kind == "cpu":
        raise ConfigError("precision=fp16 needs a GPU: use precision=bf16 or fp32 on this machine")
    dtype = torch.bfloat16 if precision == "bf16" else torch.float16
    return torch.autocast(device_type=kind, dtype=dtype)


def create_scaler(precision: Precision, device: str) -> torch.amp.GradScaler:
    """Return the loss scaler: active for fp16 only, otherwise it passes everything through."""
    return torch.amp.GradScaler(torch.device(device).type, enabled=precision == "fp16")
