"""Wait until a Ray cluster has its nodes: ``python -m cluster.wait_for_nodes ADDRESS COUNT``."""

from __future__ import annotations

import logging
import sys
import time

import ray
from ray.exceptions import RayError

_LIMIT_S = 600.0


def main() -> None:
    """Return when as many nodes are there; exit with a message when they do not come."""
    address, count = sys.argv[1], int(sys.argv[2])
    deadline = time.monotonic() + _LIMIT_S
    found = 0
    while time.monotonic() < deadline:
        try:
            if not ray.is_initialized():
                ray.init(address=address, logging_level=logging.CRITICAL, log_to_driver=False)
            found = sum(node["Alive"] for node in ray.nodes())
        except (OSError, RuntimeError, RayError):
            found = 0  # The head is not up yet.
        if found >= count:
            return
        time.sleep(1)
    sys.exit(f"{found} of {count} nodes have joined {address} in {_LIMIT_S:.0f} s")


if __name__ == "__main__":
    main()
