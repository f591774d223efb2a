"""What fits on a cluster, and the refusal of what never will."""

from __future__ import annotations

import pytest

from orchestrator.resources import require_reachable, trial_slots
from orchestrator.settings import Settings
from trainables.errors import ResourceError

TWO_CPUS = [{"CPU": 2.0}]
GPU_NODES = [{"CPU": 16.0, "GPU": 4.0}, {"CPU": 16.0, "GPU": 4.0}]


@pytest.mark.parametrize(
    ("asked", "nodes", "slots"),
    [
        ({}, TWO_CPUS, 2),
        ({"cpus_per_worker": 0.5}, TWO_CPUS, 4),
        ({"max_concurrent": 1}, TWO_CPUS, 1),
        ({"gpus_per_worker": 1.0}, GPU_NODES, 8),
        ({"gpus_per_worker": 0.25}, GPU_NODES, 32),
        # 0.4 of a GPU fits twice on one, not two and a half times across two.
        ({"gpus_per_worker": 0.4}, GPU_NODES, 16),
        ({"gpus_per_worker": 1.0, "cpus_per_worker": 8.0}, GPU_NODES, 4),
        ({"workers_per_trial": 4, "gpus_per_worker": 1.0}, GPU_NODES, 2),
        # Two ranks of one CPU and their driver's share do not fit on two CPUs; one half does.
        ({"workers_per_trial": 2, "cpus_per_worker": 0.5}, TWO_CPUS, 1),
    ],
)
def test_slots(asked: dict[str, float], nodes: list[dict[str, float]], slots: int) -> None:
    assert trial_slots(Settings(**asked), nodes) == slots  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("asked", "nodes"),
    [
        ({"gpus_per_worker": 1.0}, TWO_CPUS),
        ({"cpus_per_worker": 3.0}, TWO_CPUS),
        ({"workers_per_trial": 2, "cpus_per_worker": 1.0}, TWO_CPUS),
        ({"gpus_per_worker": 8.0}, GPU_NODES),
        ({}, []),
    ],
)
def test_what_no_node_can_ever_hold_is_refused(
    asked: dict[str, float], nodes: list[dict[str, float]]
) -> None:
    with pytest.raises(ResourceError, match="no placement can satisfy"):
        trial_slots(Settings(**asked), nodes)  # type: ignore[arg-type]


@pytest.mark.parametrize("address", ["", "host", ":6379", "host:x", "host:99999999", "127.0.0.1:9"])
def test_an_address_without_a_cluster_is_refused_at_once(address: str) -> None:
    with pytest.raises(ResourceError, match=f"--address {address}: write|at {address} "):
        require_reachable(address)
