"""What a cluster file says: where a study runs, and with what.

A file of one cluster, in TOML; ``xenograft cluster example KIND`` prints one to start from.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from cluster.kinds import KINDS, Kind
from trainables.config import from_mapping
from trainables.errors import ConfigError, did_you_mean

_TABLE: dict[Kind, str] = {
    "hosts": "hosts",
    "onprem": "hosts",
    "aws": "cloud",
    "gcp": "cloud",
    "kubernetes": "kubernetes",
    "slurm": "slurm",
}
"""The table of the file that each kind needs."""

# What Kubernetes takes as a name, the strictest of all.
_NAME = re.compile(r"[a-z]([-a-z0-9]{0,38}[a-z0-9])?")
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")

# They become words of commands.
_HOST = re.compile(r"[\w:][\w.:@%-]*")
_LAST_PORT = 65535


@dataclass(frozen=True, kw_only=True, slots=True)
class Hosts:
    """Machines that are there already.

    Args:
        head, workers: what the shell is told to reach them by; workers must resolve the head.
        shell: the command that runs another one on a host, which is put in the place of ``{host}``,
            or at the end.
        user, key: of ssh, for the Ray cluster launcher (kind onprem).
        port, dashboard_port: of Ray on the head; the dashboard listens on its loopback only.
        cpus, gpus: what each host offers; None: what Ray finds.
    """

    head: str
    workers: tuple[str, ...] = ()
    shell: tuple[str, ...] = ("ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=20")
    user: str = ""
    key: str = ""
    port: int = 6379
    dashboard_port: int = 8265
    cpus: int | None = None
    gpus: int | None = None

    def __post_init__(self) -> None:
        wrong = [name for name in (self.head, *self.workers) if not _HOST.fullmatch(name)]
        if wrong:
            raise ConfigError(
                f"hosts.head and hosts.workers must be names or addresses, got '{wrong[0]}'"
            )
        twice = [name for name in self.workers if self.workers.count(name) > 1]
        if self.head in self.workers or twice:
            raise ConfigError(f"host '{twice[0] if twice else self.head}' is listed twice")
        if not self.shell:
            raise ConfigError("hosts.shell must be a command, such as ['ssh']")
        _check_least("hosts", self, {"port": 1, "dashboard_port": 1, "cpus": 0, "gpus": 0})
        if max(self.port, self.dashboard_port) > _LAST_PORT:
            raise ConfigError(f"hosts.port and hosts.dashboard_port must be <= {_LAST_PORT}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Cloud:
    """Machines that are rented while they are needed.

    Args:
        region, zone: where; a zone of the region, or several with commas between (aws).
        project: of gcp.
        head_machine, worker_machine: their types, as the provider names them.
        min_workers, max_workers: the autoscaler keeps to them.
        image: of the disk: an AMI, or a source image.
        disk_gib: of each machine.
        spot: rent workers that the provider may take back; trials go on from their checkpoints.
        user, key: of ssh; without a key one is made.
        setup: shell commands that make ``environment`` on a fresh machine and mount the storage.
        idle_minutes: an idle worker is given back after.
    """

    region: str
    head_machine: str
    worker_machine: str
    image: str
    zone: str = ""
    project: str = ""
    min_workers: int = 1
    max_workers: int = 4
    disk_gib: int = 200
    spot: bool = True
    user: str = "ubuntu"
    key: str = ""
    setup: tuple[str, ...] = ()
    idle_minutes: int = 10

    def __post_init__(self) -> None:
        _check_workers("cloud", self.min_workers, self.max_workers)
        _check_least("cloud", self, {"disk_gib": 1, "idle_minutes": 0})


@dataclass(frozen=True, kw_only=True, slots=True)
class Kubernetes:
    """Pods of a cluster where the KubeRay operator runs (1.5.1 or later, for token authentication).

    Args:
        image: with Xenograft in it, see the Dockerfile.
        context: of kubectl; empty: the current one.
        per_job: a Ray cluster for each submitted study, gone when it ends; otherwise ``up`` makes
            one that stays.
        head_cpus, head_memory_gib, worker_cpus, worker_gpus, worker_memory_gib: of each pod.
        storage_class, storage_gib: of the volume that all pods mount; its class must support
            ReadWriteMany.
    """

    image: str
    namespace: str = "xenograft"
    context: str = ""
    per_job: bool = False
    head_cpus: int = 2
    head_memory_gib: int = 8
    worker_cpus: int = 8
    worker_gpus: int = 1
    worker_memory_gib: int = 32
    min_workers: int = 1
    max_workers: int = 4
    storage_class: str = ""
    storage_gib: int = 500

    def __post_init__(self) -> None:
        check_namespace(self.namespace)
        _check_workers("kubernetes", self.min_workers, self.max_workers)
        at_least_1 = (
            "head_cpus",
            "head_memory_gib",
            "worker_cpus",
            "worker_memory_gib",
            "storage_gib",
        )
        _check_least("kubernetes", self, dict.fromkeys(at_least_1, 1) | {"worker_gpus": 0})


@dataclass(frozen=True, kw_only=True, slots=True)
class Slurm:
    """An allocation for each submitted study; Ray starts in it and ends with it.

    Args:
        nodes, cpus_per_node, gpus_per_node, memory_gib: of the allocation; 0 GiB: the default.
        time: limit, as sbatch takes it. The study stops cleanly two minutes before.
        requeue: go on in a new allocation after the limit, until the study is finished.
        setup: shell lines that come first (modules).
    """

    nodes: int
    cpus_per_node: int
    gpus_per_node: int = 0
    memory_gib: int = 0
    time: str = "24:00:00"
    partition: str = ""
    account: str = ""
    qos: str = ""
    requeue: bool = True
    setup: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        least = {"nodes": 1, "cpus_per_node": 1, "gpus_per_node": 0, "memory_gib": 0}
        _check_least("slurm", self, least)
        for name in ("time", "partition", "account", "qos"):
            value = getattr(self, name)
            if re.search(r"\s", value):
                raise ConfigError(f"slurm.{name} must be one word, got {value!r}")


@dataclass(frozen=True, kw_only=True, slots=True)
class ClusterSpec:
    """A cluster file.

    Args:
        name: of the cluster, also in names of pods, jobs and folders.
        storage: folder that every node sees under this path.
        environment: folder of the Python environment with Xenograft in it, on every node; of no
            use for kubernetes, whose image has it.
        tracking_uri: MLflow store; empty: a sqlite file in the storage.
    """

    name: str
    kind: Kind
    storage: str
    environment: str = ""
    tracking_uri: str = ""
    hosts: Hosts | None = None
    cloud: Cloud | None = None
    kubernetes: Kubernetes | None = None
    slurm: Slurm | None = None

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ConfigError(
                f"name '{self.name}': use up to 40 lower-case letters, digits and dashes, "
                "a letter first"
            )
        if self.kind not in KINDS:
            raise ConfigError(f"kind '{self.kind}' is unknown.{did_you_mean(self.kind, KINDS)}")
        _check_path("storage", self.storage)
        if urlsplit(self.tracking_uri).password:
            raise ConfigError(
                "tracking_uri: leave the password out of the file and give the nodes "
                "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
            )
        needed = _TABLE[self.kind]
        for table in set(_TABLE.values()):
            if (getattr(self, table) is not None) != (table == needed):
                wrong = "is missing" if table == needed else f"is not of kind '{self.kind}'"
                raise ConfigError(f"table [{table}] {wrong}")
        if self.kind == "kubernetes":
            if self.environment:
                raise ConfigError("environment: the image of kubernetes has its own, leave it out")
        else:
            _check_path("environment", self.environment)
        if self.kind == "gcp" and self.cloud is not None and not self.cloud.project:
            raise ConfigError("cloud.project: gcp needs the id of a project")

    @property
    def most_workers(self) -> int:
        """The nodes for trials that the autoscaler may bring the cluster to; 0: it has none."""
        table = self.cloud or self.kubernetes
        if table is None or table.min_workers == table.max_workers:
            return 0
        return table.max_workers

    def program(self, name: str) -> str:
        """Return how a program of the environment is called on a node."""
        return f"{self.environment.rstrip('/')}/bin/{name}" if self.environment else name


def load_spec(path: Path) -> ClusterSpec:
    """Read a cluster file.

    Raises:
        ConfigError: it cannot be read, or says something that cannot be; names file and key.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read ({error.strerror}). `xenograft cluster example KIND` prints a "
            f"cluster file to start from; kinds: {', '.join(KINDS)}"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from None
    try:
        return from_mapping(ClusterSpec, content)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def check_namespace(value: str) -> None:
    """Refuse what Kubernetes does not take as a namespace.

    Raises:
        ConfigError: says what it may be.
    """
    if not _NAMESPACE.fullmatch(value):
        raise ConfigError(
            f"namespace '{value}': use up to 63 lower-case letters, digits and dashes, "
            "no dash at its ends"
        )


def _check_least(table: str, given: object, least: Mapping[str, int]) -> None:
    for name, bound in least.items():
        value = getattr(given, name)
        if value is not None and value < bound:
            raise ConfigError(f"{table}.{name} must be >= {bound}, got {value}")


def _check_workers(table: str, least: int, most: int) -> None:
    # What fits a trial is worked out from a worker that is there.
    if not 1 <= least <= most:
        raise ConfigError(
            f"{table}: min_workers must be 1 or more and max_workers no less, "
            f"got {least} and {most}"
        )


def _check_path(key: str, value: str) -> None:
    if not PurePosixPath(value).is_absolute():
        raise ConfigError(
            f"{key} = '{value}': give the absolute path of a folder that every node sees"
        )
    if not re.fullmatch(r"[\w./@+-]+", value):
        raise ConfigError(f"{key} = '{value}': only letters, digits and . / _ @ + - may be in it")
