"""How trials share GPUs: what each cell's take of one, from what they need and what there is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orchestrator.gpus.need import GpuNeed, gpu_needs
from orchestrator.gpus.room import GpuRoom
from orchestrator.gpus.share import gpu_share
from orchestrator.gpus.sizes import cluster_gpu_gib, local_gpu_gib
from orchestrator.plan import Plan
from orchestrator.settings import Settings


@dataclass(frozen=True, kw_only=True)
class CellGpu:
    """What is planned for the trials of a cell.

    Args:
        share: of one GPU, of each rank; None while the memory of the GPUs is not known.
    """

    need: GpuNeed
    share: float | None

    def text(self) -> str:
        """``1/4 (7.3 GiB)``: for people."""
        need = "unknown need" if self.need.gib is None else f"{self.need.gib:.1f} GiB"
        if self.share is None:
            return need
        return f"{'1' if self.share == 1 else f'1/{round(1 / self.share)}'} ({need})"


def cell_gpus(plan: Plan, settings: Settings, gpu_gib: float | None) -> dict[str, CellGpu]:
    """Return by cell what its trials need and are given; what is not known gets whole GPUs.

    Args:
        gpu_gib: memory of a GPU; None if nobody knows it yet.

    Raises:
        StorageError, ResourceError: see :func:`orchestrator.gpus.need.gpu_needs`.
    """
    needs = gpu_needs(plan, settings.locations, settings.workers_per_trial)
    return {
        cell: CellGpu(need=need, share=None if gpu_gib is None else _share(need, gpu_gib))
        for cell, need in needs.items()
    }


def planned_gpus(plan: Plan, settings: Settings) -> dict[str, CellGpu]:
    """Return :func:`cell_gpus` as far as it can be known without a cluster; {} unless 'auto'."""
    if settings.gpus_per_worker != "auto":
        return {}
    gpu_gib = settings.gpu_memory_gib or (None if settings.address else local_gpu_gib())
    return cell_gpus(plan, settings, gpu_gib)


def make_room(plan: Plan, settings: Settings, nodes: Sequence[Mapping[str, float]]) -> GpuRoom:
    """Return who takes what of the GPUs of the cluster that this driver is connected to.

    Raises:
        StorageError, ResourceError: see :func:`orchestrator.gpus.need.gpu_needs` and
            :func:`orchestrator.gpus.sizes.cluster_gpu_gib`.
    """
    if settings.gpus_per_worker != "auto":
        return GpuRoom(default=settings.gpus)
    chosen = cell_gpus(plan, settings, cluster_gpu_gib(settings))
    shares = {cell: gpu.share or 1.0 for cell, gpu in chosen.items()}
    if settings.workers_per_trial > 1:
        # How many groups fit beside each other is worked out for groups that are alike.
        return GpuRoom(default=max(shares.values()))
    if settings.max_nodes:
        # What has no room yet is what more nodes are started for.
        return GpuRoom(shares, patience_s=math.inf)
    return GpuRoom(shares, gpus=sum(math.floor(node.get("GPU", 0.0)) for node in nodes))


def _share(need: GpuNeed, gpu_gib: float) -> float:
    return 1.0 if need.gib is None else gpu_share(need.gib, gpu_gib)
