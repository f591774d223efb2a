"""Ray's own cluster launcher (``ray up``): AWS, Google Cloud, and machines that are there."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cluster import jobs
from cluster.shell import run, stream
from cluster.spec import ClusterSpec
from cluster.state import state_folder, token_of, write_files
from cluster.yaml_text import yaml_text

_RAY = str(Path(sys.executable).with_name("ray"))
"""Of this environment: another one on the PATH may be of another version, or none."""

_FILE = "cluster.yaml"
_PORT, _DASHBOARD_PORT = 6379, 8265
_TOKEN = "~/.xenograft/token"
_ENVIRONMENT = (
    f"export RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH={_TOKEN} RAY_USAGE_STATS_ENABLED=0"
    " RAY_JOB_STOP_WAIT_TIME_S=60 MLFLOW_DISABLE_TELEMETRY=true"
)


class RayUpLauncher:
    """See :class:`cluster.launcher.Launcher`. These machines are the cluster's own, so the
    launcher's ``ray stop``, which ends every Ray of a machine, does no harm."""

    def __init__(self, spec: ClusterSpec) -> None:
        self.spec = spec

    def files(self) -> Mapping[str, str]:
        """Return the launcher's configuration."""
        return {_FILE: yaml_text(self.configuration())}

    def up(self) -> str:
        """Start or update the cluster."""
        token_of(self.spec.name)
        write_files(state_folder(self.spec.name), self.files())
        return self._ray("up", "--yes", "--no-config-cache")

    def down(self) -> str:
        """End it; rented machines are given back."""
        return self._ray("down", "--yes")

    def status(self) -> str:
        """Return nodes and jobs."""
        return self._on_head(jobs.status_script(self.spec, _DASHBOARD_PORT))

    def submit(self, arguments: Sequence[str]) -> str:
        """Start a study as a job of the head."""
        job = jobs.job_name(arguments[0]) if arguments else ""
        self._on_head(jobs.submit_script(self.spec, job, arguments, _DASHBOARD_PORT))
        return job

    def logs(self, job: str, follow: bool) -> int:
        """Print what a job printed."""
        return stream(self._exec(jobs.logs_script(self.spec, job, follow, _DASHBOARD_PORT)))

    def stop(self, job: str) -> str:
        """End a job so that it can be resumed."""
        return self._on_head(jobs.stop_script(self.spec, job, _DASHBOARD_PORT))

    def configuration(self) -> dict[str, Any]:
        """Return what ``ray up`` reads."""
        ray = self.spec.program("ray")
        token = str(state_folder(self.spec.name) / "token")
        address = f"--address=$RAY_HEAD_IP:{_PORT}"
        head = f"--head --port={_PORT} --dashboard-host=127.0.0.1"
        head += (
            f" --dashboard-port={_DASHBOARD_PORT} --autoscaling-config=~/ray_bootstrap_config.yaml"
        )
        return {
            "cluster_name": self.spec.name,
            **self._machines(),
            "file_mounts": {_TOKEN: token},
            "initialization_commands": ["mkdir -p -m 700 ~/.xenograft"],
            "setup_commands": list(self.spec.cloud.setup) if self.spec.cloud else [],
            "head_setup_commands": [],
            "worker_setup_commands": [],
            "head_start_ray_commands": [
                f"{ray} stop",
                f"chmod 600 {_TOKEN}; {_ENVIRONMENT}; ulimit -n 65536; {ray} start {head}",
            ],
            "worker_start_ray_commands": [
                f"{ray} stop",
                f"chmod 600 {_TOKEN}; {_ENVIRONMENT}; ulimit -n 65536; {ray} start {address}",
            ],
        }

    def _machines(self) -> dict[str, Any]:
        if self.spec.kind == "onprem":
            return self._own_machines()
        return self._rented_machines()

    def _own_machines(self) -> dict[str, Any]:
        hosts = self.spec.hosts
        assert hosts is not None  # a cluster file of this kind has the table
        provider = {"type": "local", "head_ip": hosts.head, "worker_ips": list(hosts.workers)}
        return {
            "provider": provider,
            "auth": _auth(hosts.user, hosts.key),
            "min_workers": len(hosts.workers),
            "max_workers": len(hosts.workers),
        }

    def _rented_machines(self) -> dict[str, Any]:
        cloud = self.spec.cloud
        assert cloud is not None  # a cluster file of this kind has the table
        aws = self.spec.kind == "aws"
        provider = {"type": self.spec.kind, "region": cloud.region}
        if cloud.zone:
            provider["availability_zone"] = cloud.zone
        if cloud.project:
            provider["project_id"] = cloud.project
        head = self._aws_machine(cloud.head_machine) if aws else self._gcp(cloud.head_machine)
        worker = self._aws_machine(cloud.worker_machine) if aws else self._gcp(cloud.worker_machine)
        if cloud.spot:
            spot = {"InstanceMarketOptions": {"MarketType": "spot"}}
            worker |= spot if aws else {"scheduling": [{"preemptible": True}]}
        return {
            "provider": provider,
            "auth": _auth(cloud.user, cloud.key),
            "max_workers": cloud.max_workers,
            "idle_timeout_minutes": cloud.idle_minutes,
            "head_node_type": "head",
            "available_node_types": {
                # Trials run on workers; the head keeps the driver and the ledger.
                "head": {"resources": {"CPU": 0}, "node_config": head},
                "worker": {
                    "resources": {},
                    "node_config": worker,
                    "min_workers": cloud.min_workers,
                    "max_workers": cloud.max_workers,
                },
            },
        }

    def _aws_machine(self, machine: str) -> dict[str, Any]:
        cloud = self.spec.cloud
        assert cloud is not None
        disk = {"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": cloud.disk_gib}}
        return {
            "InstanceType": machine,
            "ImageId": cloud.image,
            "BlockDeviceMappings": [disk],
            # The metadata service hands credentials only to who can ask for a session.
            "MetadataOptions": {"HttpTokens": "required"},
        }

    def _gcp(self, machine: str) -> dict[str, Any]:
        cloud = self.spec.cloud
        assert cloud is not None
        disk = {
            "boot": True,
            "autoDelete": True,
            "type": "PERSISTENT",
            "initializeParams": {"diskSizeGb": cloud.disk_gib, "sourceImage": cloud.image},
        }
        return {"machineType": machine, "disks": [disk]}

    def _on_head(self, script: str) -> str:
        return run(self._exec(script))

    def _exec(self, script: str) -> list[str]:
        return [_RAY, "exec", self._path, f"{_ENVIRONMENT}; {script}"]

    def _ray(self, verb: str, *options: str) -> str:
        return run([_RAY, verb, self._path, *options], timeout_s=3600)

    @property
    def _path(self) -> str:
        path = state_folder(self.spec.name) / _FILE
        if not path.exists():
            write_files(path.parent, self.files())
        return str(path)


def _auth(user: str, key: str) -> dict[str, str]:
    found = {"ssh_user": user, "ssh_private_key": key}
    return {name: value for name, value in found.items() if value}
