"""RayCluster and RayJob have only fields that KubeRay knows, with values of their types.

The fields are those of ``ray.io/v1`` in KubeRay 1.5.1, the first with ``authOptions``, as its
reference of the API lists them. Pods inside are checked in ``test_manifests.py``.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from cluster.launcher import launcher_of
from cluster.launchers.kuberay_manifests import ray_job
from cluster.spec import load_spec

EXAMPLE = Path(__file__).parents[2] / "cluster" / "examples" / "kubernetes.toml"

STRING, FLAG, COUNT = {"type": "string"}, {"type": "boolean"}, {"type": "integer", "minimum": 0}
STRINGS = {"type": "object", "additionalProperties": STRING}
ANY = {"type": "object"}


def closed(required: tuple[str, ...], **fields: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": fields,
        "required": list(required),
        "additionalProperties": False,
    }


RAY_CLUSTER = closed(
    ("headGroupSpec",),
    rayVersion=STRING,
    authOptions=closed((), mode={"enum": ["disabled", "token"]}),
    enableInTreeAutoscaling=FLAG,
    autoscalerOptions=closed(
        (),
        resources=ANY,
        image=STRING,
        imagePullPolicy=STRING,
        env={"type": "array"},
        envFrom={"type": "array"},
        volumeMounts={"type": "array"},
        securityContext=ANY,
        idleTimeoutSeconds=COUNT,
        upscalingMode={"enum": ["Default", "Aggressive", "Conservative"]},
        version={"enum": ["v1", "v2"]},
    ),
    headServiceAnnotations=STRINGS,
    suspend=FLAG,
    managedBy=STRING,
    gcsFaultToleranceOptions=ANY,
    headGroupSpec=closed(
        ("template",),
        serviceType={"enum": ["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"]},
        headService=ANY,
        enableIngress=FLAG,
        rayStartParams=STRINGS,
        template=ANY,
    ),
    workerGroupSpecs={
        "type": "array",
        "items": closed(
            ("groupName", "minReplicas", "maxReplicas", "template"),
            groupName=STRING,
            replicas=COUNT,
            minReplicas=COUNT,
            maxReplicas=COUNT,
            numOfHosts={"type": "integer", "minimum": 1},
            idleTimeoutSeconds=COUNT,
            suspend=FLAG,
            rayStartParams=STRINGS,
            template=ANY,
            scaleStrategy=ANY,
        ),
    },
)
RAY_JOB = closed(
    (),
    entrypoint=STRING,
    submissionMode={"enum": ["K8sJobMode", "HTTPMode", "InteractiveMode", "SidecarMode"]},
    shutdownAfterJobFinishes=FLAG,
    ttlSecondsAfterFinished=COUNT,
    activeDeadlineSeconds=COUNT,
    backoffLimit=COUNT,
    submitterPodTemplate=ANY,
    submitterConfig=closed((), backoffLimit=COUNT),
    rayClusterSpec=RAY_CLUSTER,
    clusterSelector=STRINGS,
    metadata=STRINGS,
    runtimeEnvYAML=STRING,
    jobId=STRING,
    entrypointResources=STRING,
    entrypointNumCpus={"type": "number"},
    entrypointNumGpus={"type": "number"},
    suspend=FLAG,
    managedBy=STRING,
    deletionStrategy=ANY,
)


def cluster() -> dict[str, Any]:
    files = launcher_of(load_spec(EXAMPLE)).files()
    (manifest,) = yaml.safe_load_all(files["raycluster.yaml"])
    return manifest


def job() -> dict[str, Any]:
    return ray_job(load_spec(EXAMPLE), "demo-1", ["xenograft", "run", "demo"])


def test_kuberay_knows_every_field(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for manifest, kind, schema in (
        (cluster(), "RayCluster", RAY_CLUSTER),
        (job(), "RayJob", RAY_JOB),
    ):
        assert (manifest["apiVersion"], manifest["kind"]) == ("ray.io/v1", kind)
        jsonschema.validate(manifest["spec"], schema)


def test_what_kuberay_would_refuse_is_found() -> None:
    spec = job()["spec"]
    misspelt = {**spec, "shutdownAfterJobFinished": True}
    number = copy.deepcopy(spec)
    number["rayClusterSpec"]["headGroupSpec"]["rayStartParams"]["num-cpus"] = 0
    for wrong in (misspelt, number):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, RAY_JOB)
