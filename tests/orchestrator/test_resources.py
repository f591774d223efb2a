"""What fits on a cluster, and the refusal of what never will."""

from __future__ import annotations

import dataclasses
import itertools
import math
import random
from collections.abc import Iterator

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
        # Drivers on two of the nodes leave five of seven places, which are no two groups of three.
        ({"workers_per_trial": 3}, [{"CPU": 1.0}] * 7, 1),
        ({"workers_per_trial": 2, "gpus_per_worker": 1.0, "cpus_per_worker": 0.0}, GPU_NODES, 4),
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


@pytest.mark.parametrize("seed", range(200))
def test_groups_that_are_accepted_all_fit_in_any_order_of_placing(seed: int) -> None:
    rng = random.Random(seed)
    settings, nodes = _random_settings(rng), _random_nodes(rng)
    try:
        slots = trial_slots(settings, nodes)
    except ResourceError:
        # Refused: even a lone group finds no place beside its driver, at worst.
        assert any(_placed(settings, nodes, 1, order) < 1 for order in _drivers(nodes, rng))
        return
    for order in _drivers(nodes, rng):
        assert _placed(settings, nodes, slots, order) == slots


@pytest.mark.parametrize("seed", range(200))
def test_no_more_groups_fit_than_are_accepted(seed: int) -> None:
    rng = random.Random(seed)
    settings, nodes = _random_settings(rng), _random_nodes(rng)[:5]
    fit = itertools.takewhile(
        lambda groups: (
            _fewest_places(settings, nodes, groups) >= groups * settings.workers_per_trial
        ),
        itertools.count(1),
    )
    assert _accepted(settings, nodes) == max(fit, default=0)


@pytest.mark.parametrize("seed", range(100))
def test_single_workers_are_placed_until_no_node_takes_one(seed: int) -> None:
    rng = random.Random(seed)
    settings = dataclasses.replace(_random_settings(rng), workers_per_trial=1)
    nodes = _random_nodes(rng)
    assert _accepted(settings, nodes) == sum(_places(settings, node, drivers=0) for node in nodes)


def _accepted(settings: Settings, nodes: list[dict[str, float]]) -> int:
    try:
        return trial_slots(settings, nodes)
    except ResourceError:
        return 0


def _fewest_places(settings: Settings, nodes: list[dict[str, float]], drivers: int) -> float:
    """Return how many ranks find a place at the least, over all ways to share out the drivers."""
    fewest: list[float] = [0.0] + [math.inf] * drivers
    for node in nodes:
        most = min(drivers, round(node["CPU"] * 100))
        left = [_places(settings, node, taken) for taken in range(most + 1)]
        fewest = [
            min(fewest[n - taken] + left[taken] for taken in range(min(n, most) + 1))
            for n in range(drivers + 1)
        ]
    return fewest[drivers] if math.isfinite(fewest[drivers]) else 0.0


def _places(settings: Settings, node: dict[str, float], drivers: int) -> int:
    cpus, gpus = [round(node["CPU"] * 10_000) - 100 * drivers], [[10_000] * int(node["GPU"])]
    return len(
        list(itertools.takewhile(lambda _: _take(settings, cpus, gpus, 0), itertools.count()))
    )


def _random_settings(rng: random.Random) -> Settings:
    gpus = rng.choice([0.0, 0.0, 0.25, 0.5, 1.0, 2.0])
    return Settings(
        workers_per_trial=rng.randint(2, 5),
        cpus_per_worker=rng.choice([0.0, 0.25, 0.5, 1.0, 3.0] if gpus else [0.25, 0.5, 1.0, 3.0]),
        gpus_per_worker=gpus,
    )


def _random_nodes(rng: random.Random) -> list[dict[str, float]]:
    kinds = [
        {"CPU": float(rng.randint(1, 9)), "GPU": float(rng.choice([0, 1, 2, 4]))} for _ in range(3)
    ]
    return [dict(rng.choice(kinds)) for _ in range(rng.randint(1, 12))]


def _drivers(nodes: list[dict[str, float]], rng: random.Random) -> Iterator[list[int]]:
    """Yield orders in which nodes are offered drivers: each in turn, one first, by chance."""
    numbers = sorted(range(len(nodes)), key=lambda n: nodes[n]["CPU"])
    yield numbers
    yield numbers[::-1]
    for number in numbers:
        yield [number] * 200 + numbers
    for _ in range(5):
        yield rng.choices(numbers, k=50) + numbers


def _placed(
    settings: Settings, nodes: list[dict[str, float]], trials: int, order: list[int]
) -> int:
    """Place every driver, then the groups' ranks one by one; return how many groups are whole.

    All in ten-thousandths, as Ray counts. A share of a GPU lies on one GPU.
    """
    cpus = [round(node["CPU"] * 10_000) for node in nodes]
    gpus = [[10_000] * int(node["GPU"]) for node in nodes]
    offered = itertools.cycle(order)
    for _ in range(trials):
        cpus[next(n for n in offered if cpus[n] >= 100)] -= 100
    ranks = 0
    while any(_take(settings, cpus, gpus, node) for node in range(len(nodes))):
        ranks += 1
    return min(ranks // settings.workers_per_trial, trials)


def _take(settings: Settings, cpus: list[int], gpus: list[list[int]], node: int) -> bool:
    cpu, gpu = (round(x * 10_000) for x in (settings.cpus_per_worker, settings.gpus_per_worker))
    share = min(gpu, 10_000)
    free = [number for number, left in enumerate(gpus[node]) if left >= share]
    needed = math.ceil(gpu / 10_000)
    if cpus[node] < cpu or len(free) < needed:
        return False
    cpus[node] -= cpu
    for number in free[:needed]:
        gpus[node][number] -= share
    return True


@pytest.mark.parametrize("address", ["", "host", ":6379", "host:x", "host:99999999", "127.0.0.1:9"])
def test_an_address_without_a_cluster_is_refused_at_once(address: str) -> None:
    with pytest.raises(ResourceError, match=f"--address {address}: write|at {address} "):
        require_reachable(address)
