"""KubeRay: a Ray cluster of pods, which stays (RayCluster) or serves one study (RayJob)."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence

from cluster import jobs
from cluster.launcher import study_command
from cluster.launchers import kuberay_manifests
from cluster.shell import LaunchError, run, stream
from cluster.spec import ClusterSpec, Kubernetes
from cluster.yaml_text import yaml_text

_PORT = 8265


class KubeRayLauncher:
    """See :class:`cluster.launcher.Launcher`."""

    def __init__(self, spec: ClusterSpec) -> None:
        assert spec.kubernetes is not None  # a cluster file of this kind has the table
        self.spec = spec
        self.kubernetes: Kubernetes = spec.kubernetes

    def files(self) -> Mapping[str, str]:
        """Return the manifests."""
        shared = kuberay_manifests.shared(self.spec)
        if self.kubernetes.per_job:
            command = study_command(self.spec, ["demo"], "auto")
            found = {"rayjob.yaml": [kuberay_manifests.ray_job(self.spec, "demo", command)]}
        else:
            found = {"raycluster.yaml": [kuberay_manifests.ray_cluster(self.spec)]}
        return {name: yaml_text(*m) for name, m in {"shared.yaml": shared, **found}.items()}

    def up(self) -> str:
        """Make namespace, volume and network policy; and the cluster, unless each study has one."""
        manifests = kuberay_manifests.shared(self.spec)
        if not self.kubernetes.per_job:
            manifests.append(kuberay_manifests.ray_cluster(self.spec))
        return self._kubectl("apply", "-f", "-", stdin=yaml_text(*manifests))

    def down(self) -> str:
        """Delete the pods; the volume with the storage stays."""
        label = f"xenograft/cluster={self.spec.name}"
        return self._kubectl("delete", "rayclusters,rayjobs", "-l", label)

    def status(self) -> str:
        """Return pods and jobs."""
        label = f"xenograft/cluster={self.spec.name}"
        if self.kubernetes.per_job:
            return self._kubectl("get", "rayjobs,pods", "-l", label)
        pods = self._kubectl("get", "pods", "-l", label)
        return pods + self._on_head(jobs.status_script(self.spec, _PORT))

    def submit(self, arguments: Sequence[str]) -> str:
        """Start a study; return the id of its job."""
        # What is wrong with the arguments comes out before a name is made of them.
        command = study_command(self.spec, arguments, "auto")
        job = jobs.job_name(arguments[0].replace("_", "-"))
        if self.kubernetes.per_job:
            manifest = kuberay_manifests.ray_job(self.spec, job, command)
            self._kubectl("create", "-f", "-", stdin=yaml_text(manifest))
        else:
            self._on_head(jobs.submit_script(self.spec, job, arguments, _PORT))
        return job

    def logs(self, job: str, follow: bool) -> int:
        """Print what a job printed."""
        if self.kubernetes.per_job:
            options = ["-l", f"job-name={job}", "--tail=-1", *(["--follow"] if follow else [])]
            return stream(self._command("logs", *options))
        return stream(self._exec(jobs.logs_script(self.spec, job, follow, _PORT)))

    def stop(self, job: str) -> str:
        """End a job so that it can be resumed."""
        if self.kubernetes.per_job:
            return self._kubectl("delete", "rayjob", job)
        return self._on_head(jobs.stop_script(self.spec, job, _PORT))

    def _on_head(self, script: str) -> str:
        return run(self._exec(script))

    def _exec(self, script: str) -> list[str]:
        label = f"ray.io/cluster={self.spec.name},ray.io/node-type=head"
        found = json.loads(self._kubectl("get", "pods", "-l", label, "-o", "json"))["items"]
        ready = [pod for pod in found if pod["status"].get("phase") == "Running"]
        if not ready:
            raise LaunchError(
                f"cluster '{self.spec.name}' has no running head: start it with `xenograft cluster "
                "up`, or look at its pods with `xenograft cluster status`"
            )
        name = ready[0]["metadata"]["name"]
        return self._command("exec", name, "-c", "ray", "--", *shlex.split(script))

    def _kubectl(self, *arguments: str, stdin: str = "") -> str:
        return run(self._command(*arguments), stdin=stdin)

    def _command(self, *arguments: str) -> list[str]:
        context = [f"--context={self.kubernetes.context}"] if self.kubernetes.context else []
        return ["kubectl", *context, f"--namespace={self.kubernetes.namespace}", *arguments]
