"""What fits: how many trials a cluster can hold at once, worked out before any of them waits."""

from __future__ import annotations

import bisect
import itertools
import math
import os
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path

from orchestrator.settings import Settings
from trainables.errors import ResourceError

DRIVER_CPUS = 0.01
"""Share of a trial that only drives a Ray Train group; Ray refuses 0."""

_CONNECT_S = 5.0

Node = Mapping[str, float]


def local_node() -> dict[str, float]:
    """Return what a local Ray cluster would offer, without starting or importing it."""
    return {
        "CPU": float(len(os.sched_getaffinity(0))),
        "GPU": float(len(list(Path("/dev").glob("nvidia[0-9]*")))),
    }


def require_reachable(address: str) -> None:
    """Check that something answers at a cluster's address; Ray itself would wait for minutes.

    Raises:
        ResourceError: nothing does, or the address is not one.
    """
    if address in ("auto", "local"):
        return
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit():
        raise ResourceError(
            f"--address {address}: write it as host:port, or 'auto' on a node of the cluster"
        )
    try:
        socket.create_connection((host, int(port)), timeout=_CONNECT_S).close()
    except (OSError, ValueError, OverflowError) as error:
        raise ResourceError(
            f"no Ray cluster answers at {address} ({error}): start one there, or leave --address "
            f"out for a local one"
        ) from None


def trial_slots(settings: Settings, nodes: Sequence[Node]) -> int:
    """Return how many trials run at once without ever waiting for each other's workers.

    Raises:
        ResourceError: not even one fits; the message says what is asked and what there is.
    """
    if settings.workers_per_trial > 1:
        slots = _group_slots(settings, nodes)
    else:
        slots = sum(_workers_on(settings, node) for node in _grown(settings, nodes))
    if slots < 1:
        raise ResourceError(_too_much(settings, nodes))
    return min(slots, settings.max_concurrent) if settings.max_concurrent else slots


def _grown(settings: Settings, nodes: Sequence[Node]) -> Sequence[Node]:
    """Return the nodes, and as many like the best of them as an autoscaler may add.

    A group of ranks is not counted on: what drives it is placed before it, and would hold nodes
    that are there while it waits for others that may not come.
    """
    serving = [node for node in nodes if _workers_on(settings, node)]
    if len(serving) >= settings.max_nodes or not serving:
        return nodes
    best = max(serving, key=lambda node: _workers_on(settings, node))
    return [*nodes, *[best] * (settings.max_nodes - len(serving))]


def _workers_on(settings: Settings, node: Node) -> int:
    fits = math.inf
    if settings.cpus_per_worker > 0:
        fits = _units(node.get("CPU", 0.0)) // _units(settings.cpus_per_worker)
    if settings.gpus > 0:
        fits = min(fits, _on_gpus(node.get("GPU", 0.0), settings.gpus))
    return int(fits)


def _on_gpus(have: float, share: float) -> int:
    # A share of one GPU cannot straddle two of them.
    if share < 1 and have >= 1:
        return math.floor(have) * (_units(1.0) // _units(share))
    return _units(have) // _units(share)


def _group_slots(settings: Settings, nodes: Sequence[Node]) -> int:
    """Return how many groups of ranks fit wherever Ray puts their drivers.

    Ranks are all alike, so they fit where there are enough places for them. A driver is placed
    before its ranks, on any node, and may take a place.
    """
    places = sum(_workers_on(settings, node) for node in nodes)
    costs = itertools.chain.from_iterable(_drivers_per_place(settings, node) for node in nodes)
    drivers_of_losses = list(itertools.accumulate(sorted(costs)))
    most = min(places // settings.workers_per_trial, _drivers_on(nodes))
    for slots in range(most, 0, -1):
        left = places - bisect.bisect_right(drivers_of_losses, slots)
        if slots * settings.workers_per_trial <= left:
            return slots
    return 0


def _drivers_per_place(settings: Settings, node: Node) -> list[int]:
    """Return for each place of a node how many drivers more it takes to lose it, at the least."""
    places, share = _workers_on(settings, node), _units(settings.cpus_per_worker)
    if not places or not share:
        return []
    spare = _units(node.get("CPU", 0.0)) - places * share
    drivers = [(spare + lost * share) // _units(DRIVER_CPUS) + 1 for lost in range(places)]
    if drivers[0] * places > drivers[-1]:
        # The first place is the dearest, as CPUs are left over: all of them cost the mean.
        return [drivers[-1] // places] * places
    return [later - before for before, later in itertools.pairwise([0, *drivers])]


def _drivers_on(nodes: Sequence[Node]) -> int:
    return sum(_units(node.get("CPU", 0.0)) // _units(DRIVER_CPUS) for node in nodes)


def _units(amount: float) -> int:
    """Return an amount in the units in which Ray counts resources."""
    return round(amount * 10_000)


def _too_much(settings: Settings, nodes: Sequence[Node]) -> str:
    asked = (
        f"{settings.workers_per_trial} worker(s) of {settings.cpus_per_worker:g} CPU "
        f"and {settings.gpus:g} GPU"
    )
    if settings.workers_per_trial > 1:
        asked += f" plus {DRIVER_CPUS} CPU to drive them"
    have = ", ".join(f"{n.get('CPU', 0.0):g} CPU + {n.get('GPU', 0.0):g} GPU" for n in nodes)
    return (
        f"a trial asks for {asked}, which no placement can satisfy on: {have or 'no node'}. "
        f"Lower --workers-per-trial, --cpus-per-worker or --gpus-per-worker."
    )
