"""What every launcher can do, and the choice of one for a cluster file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from cluster.spec import ClusterSpec
from trainables.errors import ConfigError


class Launcher(Protocol):
    """Start, ask and stop one kind of cluster."""

    def files(self) -> Mapping[str, str]:
        """Return what would be handed to the scheduler or cloud, without secrets, by file name."""
        ...

    def up(self) -> str:
        """Start the cluster, or what is missing of it; return what to tell the user."""
        ...

    def down(self) -> str:
        """Stop it; the storage stays."""
        ...

    def status(self) -> str:
        """Return what runs, for people."""
        ...

    def submit(self, arguments: Sequence[str]) -> str:
        """Start ``xenograft run`` with arguments where it outlives this machine; return its id."""
        ...

    def logs(self, job: str, follow: bool) -> int:
        """Print what a job printed; return an exit code."""
        ...

    def stop(self, job: str) -> str:
        """End a job so that it can be resumed."""
        ...


def launcher_of(spec: ClusterSpec) -> Launcher:
    """Return the launcher of a cluster's kind."""
    if spec.kind == "hosts":
        from cluster.launchers.hosts import HostsLauncher

        return HostsLauncher(spec)
    if spec.kind in ("onprem", "aws", "gcp"):
        from cluster.launchers.ray_up import RayUpLauncher

        return RayUpLauncher(spec)
    if spec.kind == "kubernetes":
        from cluster.launchers.kuberay import KubeRayLauncher

        return KubeRayLauncher(spec)
    from cluster.launchers.slurm import SlurmLauncher

    return SlurmLauncher(spec)


def study_command(spec: ClusterSpec, arguments: Sequence[str], address: str) -> list[str]:
    """Return the ``xenograft run`` of a submission.

    Raises:
        ConfigError: an argument says what the cluster file says.
    """
    if not arguments or arguments[0].startswith("-"):
        raise ConfigError("name the study first: xenograft cluster submit FILE STUDY [options]")
    for argument in arguments:
        name = argument.partition("=")[0]
        if name in ("--address", "--storage", "--tracking-uri"):
            raise ConfigError(f"{name} comes from the cluster file, leave it out")
    command = [spec.program("xenograft"), "run", *arguments, "--address", address]
    command += ["--storage", spec.storage]
    if spec.most_workers:
        command += ["--max-nodes", str(spec.most_workers)]
    return command + (["--tracking-uri", spec.tracking_uri] if spec.tracking_uri else [])
