"""An MLflow server with Postgres and a folder of artifacts, for compose and for Kubernetes.

Passwords are in no file that is meant to be shared: compose reads a private ``.env``, Kubernetes a
secret that a command makes.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from cluster.manifests import IMAGE_USER, UNPRIVILEGED, Manifest, run_as
from cluster.spec import check_namespace
from cluster.yaml_text import yaml_text

_POSTGRES = "postgres:16-alpine"
_POSTGRES_USER = 70
"""Of the image: it may not start as root and then change to it."""

_PORT = 5000
_DATABASE = "mlflow"
_SECRET = "mlflow-postgres"
_URI = f"postgresql+psycopg2://{_DATABASE}:$(POSTGRES_PASSWORD)@postgres:5432/{_DATABASE}"
_SWITCHES = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    # Of MLflow's own evaluation of language models: eight processes and 1.3 GB, for nothing here.
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
}
_SERVE = "mlflow server --host 0.0.0.0 --port 5000 --artifacts-destination /artifacts --workers 2"


def compose_files(image: str) -> Mapping[str, str]:
    """Return ``compose.yaml`` and the ``.env`` with its password, for one machine."""
    return {
        "compose.yaml": yaml_text(_compose()),
        ".env": f"XENOGRAFT_IMAGE={image}\nPOSTGRES_PASSWORD={secrets.token_urlsafe(24)}\n",
    }


def kubernetes_files(image: str, namespace: str) -> Mapping[str, str]:
    """Return ``mlflow.yaml``, and the command that makes the secret it needs.

    Raises:
        ConfigError: that is no namespace.
    """
    check_namespace(namespace)
    manifests = [
        _claim(namespace, "postgres-data", "ReadWriteOnce", 20),
        _claim(namespace, "mlflow-artifacts", "ReadWriteOnce", 200),
        _deployment(namespace, "postgres", _postgres_pod()),
        _deployment(namespace, "mlflow", _mlflow_pod(image, namespace)),
        _service(namespace, "postgres", 5432),
        _service(namespace, "mlflow", _PORT),
        _postgres_policy(namespace),
    ]
    command = (
        f"kubectl --namespace={namespace} create secret generic {_SECRET} "
        '--from-file=password=<(head -c 32 /dev/urandom | base64 | tr -d "/+=\\n")\n'
    )
    return {
        "mlflow.yaml": yaml_text(*manifests),
        "make-secret.sh": f"#!/bin/bash\nset -euo pipefail\n{command}",
    }


def _compose() -> Manifest:
    return {
        "name": "xenograft-tracking",
        "services": {
            "postgres": {
                "image": _POSTGRES,
                "restart": "unless-stopped",
                "environment": {
                    "POSTGRES_USER": _DATABASE,
                    "POSTGRES_DB": _DATABASE,
                    "POSTGRES_PASSWORD": "${POSTGRES_PASSWORD:?}",
                },
                "volumes": ["postgres-data:/var/lib/postgresql/data"],
                "healthcheck": {
                    "test": ["CMD-SHELL", f"pg_isready -U {_DATABASE}"],
                    "interval": "5s",
                    "retries": 12,
                },
            },
            "mlflow": {
                "image": "${XENOGRAFT_IMAGE:?}",
                "restart": "unless-stopped",
                "command": _SERVE,
                "environment": {
                    "MLFLOW_BACKEND_STORE_URI": _URI.replace(
                        "$(POSTGRES_PASSWORD)", "${POSTGRES_PASSWORD:?}"
                    ),
                    **_SWITCHES,
                },
                "volumes": ["artifacts:/artifacts"],
                "depends_on": {"postgres": {"condition": "service_healthy"}},
                # Without a login of its own, the server is for this machine and its tunnels.
                "ports": [f"127.0.0.1:{_PORT}:{_PORT}"],
            },
        },
        "volumes": {"postgres-data": {}, "artifacts": {}},
    }


def _postgres_pod() -> Manifest:
    container = {
        "name": "postgres",
        "image": _POSTGRES,
        "env": [
            {"name": "POSTGRES_USER", "value": _DATABASE},
            {"name": "POSTGRES_DB", "value": _DATABASE},
            {"name": "PGDATA", "value": "/data/pgdata"},
            _password(),
        ],
        "ports": [{"containerPort": 5432}],
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
        "readinessProbe": {"exec": {"command": ["pg_isready", "-U", _DATABASE]}},
        "resources": _resources("1", "2Gi"),
    }
    return _pod(container, "data", "postgres-data", _POSTGRES_USER)


def _mlflow_pod(image: str, namespace: str) -> Manifest:
    names = ("mlflow", f"mlflow.{namespace}", f"mlflow.{namespace}.svc", "localhost")
    hosts = ",".join(f"{name}:{_PORT}" for name in names)
    container = {
        "name": "mlflow",
        "image": image,
        "command": ["sh", "-c", f"exec {_SERVE} --allowed-hosts '{hosts}'"],
        "env": [
            _password(),
            {"name": "MLFLOW_BACKEND_STORE_URI", "value": _URI},
            *({"name": name, "value": value} for name, value in _SWITCHES.items()),
        ],
        "ports": [{"containerPort": _PORT}],
        "volumeMounts": [{"name": "artifacts", "mountPath": "/artifacts"}],
        "readinessProbe": {
            "exec": {"command": ["python", "-c", _probe()]},
            "periodSeconds": 15,
            "timeoutSeconds": 10,
        },
        "resources": _resources("2", "4Gi"),
    }
    return _pod(container, "artifacts", "mlflow-artifacts", IMAGE_USER)


def _probe() -> str:
    return f"import urllib.request as r; r.urlopen('http://localhost:{_PORT}/health', timeout=5)"


def _password() -> Manifest:
    reference = {"name": _SECRET, "key": "password"}
    return {"name": "POSTGRES_PASSWORD", "valueFrom": {"secretKeyRef": reference}}


def _resources(cpus: str, memory: str) -> Manifest:
    return {"requests": {"cpu": "250m", "memory": "1Gi"}, "limits": {"cpu": cpus, "memory": memory}}


def _pod(container: Manifest, volume: str, claim: str, user: int) -> Manifest:
    return {
        "automountServiceAccountToken": False,
        "securityContext": run_as(user),
        "containers": [container | {"securityContext": UNPRIVILEGED}],
        "volumes": [{"name": volume, "persistentVolumeClaim": {"claimName": claim}}],
    }


def _deployment(namespace: str, name: str, pod: Manifest) -> Manifest:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "replicas": 1,
            # Two databases, or two servers that migrate one, would fight over the volume.
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": pod},
        },
    }


def _service(namespace: str, name: str, port: int) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"selector": {"app": name}, "ports": [{"port": port, "targetPort": port}]},
    }


def _claim(namespace: str, name: str, mode: str, gib: int) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"accessModes": [mode], "resources": {"requests": {"storage": f"{gib}Gi"}}},
    }


def _postgres_policy(namespace: str) -> Manifest:
    server = {"podSelector": {"matchLabels": {"app": "mlflow"}}}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "postgres-from-mlflow-only", "namespace": namespace},
        "spec": {
            "podSelector": {"matchLabels": {"app": "postgres"}},
            "policyTypes": ["Ingress"],
            "ingress": [{"from": [server], "ports": [{"port": 5432}]}],
        },
    }
