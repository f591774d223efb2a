"""Ranks as real processes that talk through gloo."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import distributed, multiprocessing

WORLD = 2


def spawn_ranks(main: Callable[..., None], folder: Path, *args: Any) -> None:
    """Run ``main(rank, folder, *args)`` in two processes of one process group.

    ``main`` is a function of a module, for a new interpreter has to find it.
    """
    multiprocessing.spawn(_rank_main, (main, folder, args), nprocs=WORLD)


def _rank_main(rank: int, main: Callable[..., None], folder: Path, args: tuple[Any, ...]) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=WORLD
    )
    main(rank, folder, *args)
    distributed.destroy_process_group()
    sys.stdout.flush()
    sys.stderr.flush()
    # DDP leaves the group's threads alive. One that still holds a tensor of the last collective
    # asks for the GIL of an interpreter that shuts down, which ends the process with SIGABRT.
    os._exit(0)
