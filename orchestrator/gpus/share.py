"""How small a share of a GPU a trial can do with."""

from __future__ import annotations

_PARTS = (8, 5, 4, 3, 2, 1)
"""Into so many equal shares a GPU may be divided."""

_SLACK = 1.15
"""What an allocator takes for tensors over what they hold: it rounds up, and leaves gaps."""

_WORKSPACE_GIB = 0.5
"""What libraries of the GPU's vendor allocate beside tensors, for convolutions and products."""

_CONTEXT_GIB = 0.6
"""What the driver keeps for each process on a GPU, out of reach of the allocator's bound."""


def gpu_share(need_gib: float, gpu_gib: float) -> float:
    """Return the smallest share of a GPU that holds a trial; a whole one if none is enough.

    Args:
        need_gib: of tensors at the trial's fullest moment.
        gpu_gib: memory of the GPU.
    """
    allocated_gib = _SLACK * need_gib + _WORKSPACE_GIB
    for parts in _PARTS:
        if allocated_gib <= gpu_gib / parts - _CONTEXT_GIB:
            # Ray counts in ten-thousandths.
            return round(1 / parts, 4)
    return 1.0
