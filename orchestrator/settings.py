"""Where things are and what a trial may use: one file, the environment, the command line.

Later wins: built-in defaults, ``xenograft.toml`` in the working directory, ``XENOGRAFT_*``
environment variables, command-line options. None of it enters the identity of a cell.
"""

from __future__ import annotations

import dataclasses
import math
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_type_hints

from trainables.context import Locations
from trainables.errors import ConfigError, did_you_mean

FILE_NAME = "xenograft.toml"


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """Resolved settings. Relative paths are taken from the working directory, then made absolute.

    Args:
        storage: folder of ledgers, trials, checkpoints, the shared store and reports. On a
            cluster, a folder that every node sees under the same path.
        data: folder of prepared data sets (default: ``<storage>/data``).
        weights: folder searched for weight files (default: ``<storage>/weights``).
        tracking_uri: MLflow store (default: a sqlite file in the storage).
        file_names: 'hashed' keeps names of files and patients out of the tracking store and the
            report; 'plain' lets them in.
        models: 'champions' registers the best replicate of every cell that is completed, weights
            and all; 'off' registers nothing, for sweeps of thousands of cells.
        hub: 'online' allows fetching weights from a model hub while planning.
        address: Ray cluster to use; empty starts a local one.
        workers_per_trial: DDP ranks of one trial.
        cpus_per_worker, gpus_per_worker: what one rank holds; fractions share a device. GPUs
            'auto': the smallest share of one with the memory that a trial of the cell needs.
        gpu_memory_gib: of each GPU, for 'auto'; 0: what the smallest of them says it has.
        compile: train with compiled networks (torch.compile) where a trainable can: ``classify``.
        loader_workers: processes of a rank that decode picture files; give it CPUs for them.
        max_concurrent: trials at once; 0 means as many as fit.
        max_nodes: nodes for trials that an autoscaling cluster may grow to; 0: it does not grow.
        time_budget_s: stop handing out work after this many seconds; 0 means no limit.
        trial_timeout_min: end and retry a trial that reports nothing for so many minutes; 0: never.
        max_retries: attempts more for a trial whose worker or node died.
    """

    storage: Path = Path("xenograft_runs")
    data: Path = Path()
    weights: Path = Path()
    tracking_uri: str = ""
    file_names: Literal["hashed", "plain"] = "hashed"
    models: Literal["champions", "off"] = "champions"
    hub: Literal["offline", "online"] = "offline"
    address: str = ""
    workers_per_trial: int = 1
    cpus_per_worker: float = 1.0
    gpus_per_worker: float | Literal["auto"] = 0.0
    gpu_memory_gib: float = 0.0
    compile: bool = False
    loader_workers: int = 0
    max_concurrent: int = 0
    max_nodes: int = 0
    time_budget_s: float = 0.0
    trial_timeout_min: float = 0.0
    max_retries: int = 2

    def __post_init__(self) -> None:
        for name, least in _LEAST.items():
            value = self.gpus if name == "gpus_per_worker" else getattr(self, name)
            if not (value >= least and math.isfinite(value)):
                raise ConfigError(f"{name} must be a number of at least {least}, got {value}")
        if self.cpus_per_worker == 0 and self.gpus == 0:
            raise ConfigError("cpus_per_worker and gpus_per_worker cannot both be 0")
        if self.gpus > 1 and self.gpus != int(self.gpus):
            raise ConfigError(
                f"gpus_per_worker above 1 must be whole, got {self.gpus_per_worker}: "
                f"a worker holds whole GPUs or a share of one"
            )

    @property
    def gpus(self) -> float:
        """GPUs that a rank may hold: one at most where the share is chosen for each cell."""
        return 1.0 if self.gpus_per_worker == "auto" else self.gpus_per_worker

    @property
    def locations(self) -> Locations:
        """What a trial needs to know of them."""
        return Locations(
            data=self.data, weights=self.weights, store=self.storage / "store", hub=self.hub
        )

    def study_folder(self, study: str) -> Path:
        """Return the folder that holds one study's ledger, trials and report."""
        return self.storage / study


_LEAST = {
    "workers_per_trial": 1,
    "cpus_per_worker": 0,
    "gpus_per_worker": 0,
    "gpu_memory_gib": 0,
    "loader_workers": 0,
    "max_concurrent": 0,
    "max_nodes": 0,
    "time_budget_s": 0,
    "trial_timeout_min": 0,
    "max_retries": 0,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Resolved:
    """Settings and, for each, where its value came from."""

    settings: Settings
    origin: Mapping[str, str] = field(default_factory=dict)


def resolve(
    options: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Resolved:
    """Merge defaults, the settings file, the environment and command-line options (None = unset).

    Raises:
        ConfigError: an unknown name or a value of the wrong type, naming file or variable.
    """
    environment = os.environ if environment is None else environment
    folder = Path.cwd() if folder is None else folder
    hints = get_type_hints(Settings)
    values: dict[str, Any] = {}
    origin = dict.fromkeys(hints, "default")
    layers = [*_file_layer(folder / FILE_NAME, hints), *_environment_layer(environment, hints)]
    layers += [
        (name, value, f"--{name.replace('_', '-')}") for name, value in (options or {}).items()
    ]
    for name, value, source in layers:
        if value is not None:
            values[name] = _coerce(value, hints[name], source)
            origin[name] = source
    settings = _absolute(Settings(**values), folder)
    return Resolved(settings=settings, origin=origin)


def _file_layer(path: Path, hints: Mapping[str, Any]) -> list[tuple[str, Any, str]]:
    if not path.exists():
        return []
    try:
        content = tomllib.loads(path.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path.name}: {error}") from None
    except OSError as error:
        raise ConfigError(f"{path.name} cannot be read: {error.strerror}") from None
    for name in content:
        if name not in hints:
            raise ConfigError(f"{path.name}: no setting '{name}'.{did_you_mean(name, hints)}")
    return [(name, value, f"{path.name}: {name}") for name, value in content.items()]


def _environment_layer(
    environment: Mapping[str, str], hints: Mapping[str, Any]
) -> list[tuple[str, Any, str]]:
    layer = []
    for variable, value in sorted(environment.items()):
        if not variable.startswith("XENOGRAFT_"):
            continue
        name = variable.removeprefix("XENOGRAFT_").lower()
        if name not in hints:
            raise ConfigError(
                f"environment variable {variable}: no such setting.{did_you_mean(name, hints)}"
            )
        layer.append((name, value, variable))
    return layer


def _coerce(value: Any, hint: Any, source: str) -> Any:
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(hint).validate_python(value)
    except ValidationError as error:
        problem = error.errors()[0]["msg"].lower()
        raise ConfigError(f"{source}: {problem}, got {value!r}") from None


def _absolute(settings: Settings, folder: Path) -> Settings:
    storage = _folder("storage", settings.storage, folder)
    unset = Path()
    return dataclasses.replace(
        settings,
        storage=storage,
        data=storage / "data" if settings.data == unset else _folder("data", settings.data, folder),
        weights=storage / "weights"
        if settings.weights == unset
        else _folder("weights", settings.weights, folder),
        tracking_uri=settings.tracking_uri or f"sqlite:///{storage / 'mlflow.db'}",
    )


def _folder(name: str, path: Path, base: Path) -> Path:
    try:
        return (base / path.expanduser()).resolve()
    except RuntimeError as error:
        raise ConfigError(f"{name} = {path}: {str(error).lower().rstrip('.')}") from None
