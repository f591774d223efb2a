"""The Kubernetes objects of a cluster file."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from importlib.metadata import version

from cluster.manifests import IMAGE_USER, UNPRIVILEGED, Manifest, run_as
from cluster.spec import ClusterSpec, Kubernetes

_VOLUME = "storage"

_JOB_KEPT_S = 3600
"""How long the pods of a finished RayJob can still be looked at."""


def shared(spec: ClusterSpec) -> list[Manifest]:
    """Return what all studies share: namespace, volume, and who may talk to the pods."""
    kubernetes = _table(spec)
    namespace = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": kubernetes.namespace},
    }
    return [namespace, _volume(spec, kubernetes), _network(spec)]


def ray_cluster(spec: ClusterSpec) -> Manifest:
    """Return a Ray cluster that stays."""
    return {
        "apiVersion": "ray.io/v1",
        "kind": "RayCluster",
        "metadata": _metadata(spec, spec.name),
        "spec": _ray(spec, dashboard="127.0.0.1"),
    }


def ray_job(spec: ClusterSpec, name: str, command: Sequence[str]) -> Manifest:
    """Return a Ray cluster that runs one command and goes."""
    return {
        "apiVersion": "ray.io/v1",
        "kind": "RayJob",
        "metadata": _metadata(spec, name),
        "spec": {
            "entrypoint": shlex.join(command),
            "submissionMode": "K8sJobMode",
            "shutdownAfterJobFinishes": True,
            "ttlSecondsAfterFinished": _JOB_KEPT_S,
            # A study goes on where it was, so a lost driver is simply started again.
            "backoffLimit": 3,
            "submitterPodTemplate": _submitter(spec),
            # The operator and the submitter ask it for the job; token and network policy guard it.
            "rayClusterSpec": _ray(spec, dashboard="0.0.0.0"),
        },
    }


def _ray(spec: ClusterSpec, dashboard: str) -> Manifest:
    kubernetes = _table(spec)
    head = _pod(spec, kubernetes.head_cpus, kubernetes.head_memory_gib, gpus=0)
    worker = _pod(
        spec, kubernetes.worker_cpus, kubernetes.worker_memory_gib, kubernetes.worker_gpus
    )
    # The head's autoscaler asks the API of Kubernetes for pods; workers have no business there.
    worker["spec"]["automountServiceAccountToken"] = False
    return {
        "rayVersion": version("ray"),
        # Makes the token, a secret, and gives it to every pod.
        "authOptions": {"mode": "token"},
        "enableInTreeAutoscaling": kubernetes.min_workers != kubernetes.max_workers,
        # Of the container that the operator puts beside the head.
        "autoscalerOptions": {"securityContext": UNPRIVILEGED},
        "headGroupSpec": {
            "serviceType": "ClusterIP",
            # Trials run on workers; the head keeps the driver and the ledger.
            "rayStartParams": {"dashboard-host": dashboard, "num-cpus": "0"},
            "template": head,
        },
        "workerGroupSpecs": [
            {
                "groupName": "workers",
                "replicas": kubernetes.min_workers,
                "minReplicas": kubernetes.min_workers,
                "maxReplicas": kubernetes.max_workers,
                "rayStartParams": {},
                "template": worker,
            }
        ],
    }


def _pod(spec: ClusterSpec, cpus: int, memory_gib: int, gpus: int) -> Manifest:
    kubernetes = _table(spec)
    amounts: dict[str, str] = {"cpu": str(cpus), "memory": f"{memory_gib}Gi"}
    if gpus:
        amounts["nvidia.com/gpu"] = str(gpus)
    container = {
        "name": "ray",
        "image": kubernetes.image,
        "resources": {"requests": amounts, "limits": amounts},
        "env": [
            {"name": "RAY_USAGE_STATS_ENABLED", "value": "0"},
            {"name": "MLFLOW_DISABLE_TELEMETRY", "value": "true"},
            {"name": "RAY_JOB_STOP_WAIT_TIME_S", "value": "60"},
        ],
        "volumeMounts": [
            {"name": _VOLUME, "mountPath": spec.storage},
            {"name": "shm", "mountPath": "/dev/shm"},
        ],
        "securityContext": UNPRIVILEGED,
    }
    # The object store lives there; the default is 64 MiB.
    shm = {"medium": "Memory", "sizeLimit": f"{max(1, memory_gib // 3)}Gi"}
    return {
        "metadata": {"labels": _labels(spec)},
        "spec": {
            "terminationGracePeriodSeconds": 90,
            "securityContext": run_as(IMAGE_USER),
            "containers": [container],
            "volumes": [
                {"name": _VOLUME, "persistentVolumeClaim": {"claimName": _claim(spec)}},
                {"name": "shm", "emptyDir": shm},
            ],
        },
    }


def _submitter(spec: ClusterSpec) -> Manifest:
    """Return the pod that hands a RayJob in; the operator adds the command."""
    container = {
        "name": "ray-job-submitter",
        "image": _table(spec).image,
        "resources": {
            "requests": {"cpu": "500m", "memory": "1Gi"},
            "limits": {"cpu": "1", "memory": "2Gi"},
        },
        "securityContext": UNPRIVILEGED,
    }
    return {
        "metadata": {"labels": _labels(spec)},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "securityContext": run_as(IMAGE_USER),
            "containers": [container],
        },
    }


def _volume(spec: ClusterSpec, kubernetes: Kubernetes) -> Manifest:
    request: Manifest = {
        "accessModes": ["ReadWriteMany"],
        "resources": {"requests": {"storage": f"{kubernetes.storage_gib}Gi"}},
    }
    if kubernetes.storage_class:
        request["storageClassName"] = kubernetes.storage_class
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": _metadata(spec, _claim(spec)),
        "spec": request,
    }


def _network(spec: ClusterSpec) -> Manifest:
    """Let the pods be reached by each other, and by the operator, which asks for health."""
    own = {"podSelector": {"matchLabels": _labels(spec)}}
    operator = {
        "namespaceSelector": {},
        "podSelector": {"matchLabels": {"app.kubernetes.io/name": "kuberay-operator"}},
    }
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": _metadata(spec, f"{spec.name}-inside-only"),
        "spec": {
            "podSelector": {"matchLabels": _labels(spec)},
            "policyTypes": ["Ingress"],
            "ingress": [{"from": [own, operator]}],
        },
    }


def _metadata(spec: ClusterSpec, name: str) -> Manifest:
    return {"name": name, "namespace": _table(spec).namespace, "labels": _labels(spec)}


def _labels(spec: ClusterSpec) -> dict[str, str]:
    return {"xenograft/cluster": spec.name}


def _claim(spec: ClusterSpec) -> str:
    return f"{spec.name}-storage"


def _table(spec: ClusterSpec) -> Kubernetes:
    assert spec.kubernetes is not None  # a cluster file of this kind has the table
    return spec.kubernetes
