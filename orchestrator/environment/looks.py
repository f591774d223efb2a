"""Every look at the machine, in an order in which the first failure explains later ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from orchestrator.environment import machine, programs, services
from orchestrator.environment.check import Check, Found
from orchestrator.settings import Settings

_LOOKS: Mapping[str, Callable[[Settings], Found]] = {
    "torch": programs.torch,
    "GPU": programs.gpu,
    "threads": machine.threads,
    "shared memory": machine.shared_memory,
    "storage": machine.storage,
    "disk": machine.disk,
    "Ray": services.ray,
    "MLflow": services.mlflow,
    "hub cache": programs.hub_cache,
}


def examine(settings: Settings) -> Iterator[Check]:
    """Yield what is found, one thing after the other, as some looks take seconds."""
    for name, look in _LOOKS.items():
        yield Check(name=name, found=look(settings))
