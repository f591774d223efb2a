"""How much memory the GPUs have, asked of their driver."""

from __future__ import annotations

import shutil
import subprocess

from orchestrator.settings import Settings
from trainables.errors import ResourceError

_MIB_PER_GIB = 1024
_TIMEOUT_S = 60.0


def local_gpu_gib() -> float | None:
    """Return the memory of this machine's smallest GPU; None where no driver tells of one."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return None
    command = [program, "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    try:
        told = subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=_TIMEOUT_S
        )
        return min(float(line) for line in told.stdout.splitlines()) / _MIB_PER_GIB
    except (subprocess.SubprocessError, OSError, ValueError):
        return None


def cluster_gpu_gib(settings: Settings) -> float:
    """Return the memory of the smallest GPU of the cluster this driver is connected to.

    Raises:
        ResourceError: a node with GPUs does not tell.
    """
    if settings.gpu_memory_gib:
        return settings.gpu_memory_gib
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    nodes = [n["NodeID"] for n in ray.nodes() if n["Alive"] and n["Resources"].get("GPU")]
    ask = ray.remote(num_cpus=0)(local_gpu_gib)
    asked = [
        ask.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False)).remote()
        for node in nodes
    ]
    told: list[float | None] = ray.get(asked)
    sizes_gib = [size for size in told if size is not None]
    if not sizes_gib or len(sizes_gib) < len(nodes):
        raise ResourceError(
            "gpus_per_worker=auto: no driver says how much memory every GPU of the cluster has; "
            "give it with --gpu-memory-gib"
        )
    return min(sizes_gib)
