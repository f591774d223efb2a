"""The Ray cluster of a run: one of its own on this machine, or the one the settings name."""

from __future__ import annotations

import logging
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from orchestrator.resources import local_node, require_reachable, trial_slots
from orchestrator.settings import Settings
from trainables.errors import ResourceError

_CONNECT_S = 45.0
"""How long a cluster may take to accept a driver; a loaded one needs several seconds."""


def ray_environment(settings: Settings) -> None:
    """Set what Ray reads from the environment when it is first imported (by the queue's ASHA)."""
    if not settings.address:
        # A token of this run's own: nobody else on the machine can use the local cluster.
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    defaults = {
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_AUTH_MODE": "token",
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    }
    for name, value in defaults.items():
        os.environ.setdefault(name, value)
    # What a trial dies of is shown once, by the progress display.
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)


def given_cluster(settings: Settings) -> AbstractContextManager[None]:
    """Connect to the cluster the settings name; for a local one, check that a trial would fit."""
    if settings.address:
        require_reachable(settings.address)
        _require_ray(settings.address)
        return ray_cluster(settings)
    trial_slots(settings, [local_node()])
    return nullcontext()


def _require_ray(address: str) -> None:
    # In a process of its own, because nothing ends a ray.init that waits for another service, or
    # for a cluster that does not take its token.
    script = "import sys, ray; ray.init(address=sys.argv[1], log_to_driver=False)"
    command = [sys.executable, "-c", script, address]
    try:
        subprocess.run(command, capture_output=True, text=True, check=True, timeout=_CONNECT_S)
    except subprocess.TimeoutExpired:
        raise ResourceError(
            f"what answers at {address} is no Ray cluster, or takes no driver from here: check "
            f"the address, RAY_AUTH_TOKEN, and that this machine is one of its nodes"
        ) from None
    except subprocess.CalledProcessError as error:
        cause = error.stderr.strip().splitlines()[-1]
        raise ResourceError(f"cannot use Ray at {address}: {cause}") from None


@contextmanager
def ray_cluster(settings: Settings) -> Iterator[None]:
    """Start a local cluster, or connect to the one the settings name, unless that is done.

    Raises:
        ResourceError: there is none to be had.
    """
    import ray

    if ray.is_initialized():
        yield
        return
    on_terminate = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(
            address=settings.address or "local",
            # Ray Train frees the workers of a stopped trial through the dashboard's state API.
            include_dashboard=None if settings.address else settings.workers_per_trial > 1,
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    except Exception as error:  # Ray raises bare ones, as when its node is slow to start
        where = settings.address or "a local cluster"
        raise ResourceError(f"cannot use Ray at {where}: {error}") from error
    # Ray takes SIGTERM for itself, and would die of it without a word.
    signal.signal(signal.SIGTERM, on_terminate)
    try:
        yield
    finally:
        ray.shutdown()
