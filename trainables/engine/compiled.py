"""Training steps of a compiled network: the same arithmetic in fewer and larger kernels."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from trainables.engine.compiler import require_compiler


def compiled(model: nn.Module, device: str) -> nn.Module:
    """Return a module that calls the model's compiled forward and backward pass.

    Parameters, buffers and state are the model's own, which stays as it is: validation, checkpoints
    and what is saved in the end do without the compiled code. Sums are taken in another order, so
    losses differ in their last digits; random numbers are the same.

    What is built stays in PyTorch's cache of this machine, where later trials find it.

    Raises:
        ResourceError: there is no compiler.
    """
    require_compiler(torch.device(device).type)
    # A worker that has run other networks would come to the most versions of a function that
    # PyTorch keeps, and go on without compiling.
    torch.compiler.reset()
    options: dict[str, Any] = {
        "fallback_random": True,
        # A trial has as many threads as it holds CPUs.
        "compile_threads": torch.get_num_threads(),
    }
    # An epoch has batches of one size, and a smaller last one: each gets code of its own.
    module = torch.compile(model, dynamic=False, options=options)
    assert isinstance(module, nn.Module)  # a function is returned for a function only
    return module
