"""What launchers render is valid for those who read it: Ray, Kubernetes, the shell."""

import json
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from cluster.launcher import launcher_of
from cluster.launchers import kuberay_manifests
from cluster.spec import load_spec
from cluster.state import token_of, write_files
from cluster.tracking_server import compose_files, kubernetes_files
from trainables.errors import ConfigError, StorageError

EXAMPLES = Path(__file__).parents[2] / "cluster" / "examples"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def rendered(kind: str) -> dict[str, str]:
    return dict(launcher_of(load_spec(EXAMPLES / f"{kind}.toml")).files())


@pytest.mark.parametrize("kind", ["aws", "gcp", "onprem"])
def test_ray_takes_the_configuration(kind: str) -> None:
    from ray.autoscaler._private.util import prepare_config, validate_config

    config = yaml.safe_load(rendered(kind)["cluster.yaml"])
    validate_config(prepare_config(config))
    # Ray's check does check something.
    with pytest.raises(Exception, match="provider"):
        validate_config({**config, "provider": None})


@pytest.mark.parametrize("kind", ["aws", "gcp", "onprem"])
def test_a_started_ray_asks_for_a_token_and_keeps_its_dashboard_to_itself(kind: str) -> None:
    config = yaml.safe_load(rendered(kind)["cluster.yaml"])
    assert "~/.xenograft/token" in config["file_mounts"]
    for name in ("head_start_ray_commands", "worker_start_ray_commands"):
        assert "RAY_AUTH_MODE=token" in config[name][-1]
    assert "--dashboard-host=127.0.0.1" in config["head_start_ray_commands"][-1]


def test_no_rendered_file_holds_the_token() -> None:
    for kind in ("hosts", "aws", "gcp", "onprem", "kubernetes", "slurm"):
        spec = load_spec(EXAMPLES / f"{kind}.toml")
        token = token_of(spec.name)
        assert not any(token in text for text in launcher_of(spec).files().values())


def pod_templates(manifest: Any) -> Iterator[dict[str, Any]]:
    """Yield everything of the form of a pod template inside a manifest."""
    if isinstance(manifest, dict):
        if isinstance(manifest.get("spec"), dict) and "containers" in manifest["spec"]:
            yield manifest
        for value in manifest.values():
            yield from pod_templates(value)
    elif isinstance(manifest, list):
        for value in manifest:
            yield from pod_templates(value)


def check(manifest: dict[str, Any]) -> None:
    version = ".".join(kubernetes_validate.latest_version().split(".")[:2])
    kubernetes_validate.validate(manifest, version, strict=True)


def test_kubernetes_takes_the_shared_objects_and_every_pod() -> None:
    files = rendered("kubernetes")
    for manifest in yaml.safe_load_all(files["shared.yaml"]):
        check(manifest)
    (cluster,) = yaml.safe_load_all(files["raycluster.yaml"])
    spec = load_spec(EXAMPLES / "kubernetes.toml")
    job = kuberay_manifests.ray_job(spec, "demo-1", ["xenograft", "run", "demo"])
    templates = [*pod_templates(cluster), *pod_templates(job)]
    assert len(templates) == 5
    for template in templates:
        name = {"name": "pod"} | template.get("metadata", {})
        check({"apiVersion": "v1", "kind": "Pod", **template, "metadata": name})


def test_the_check_of_kubernetes_can_fail() -> None:
    (*_, policy) = yaml.safe_load_all(rendered("kubernetes")["shared.yaml"])
    policy["spec"]["podSelector"] = "all"
    with pytest.raises(kubernetes_validate.ValidationError):
        check(policy)


def test_kuberay_makes_the_token_and_only_pods_of_the_cluster_may_call() -> None:
    files = rendered("kubernetes")
    (cluster,) = yaml.safe_load_all(files["raycluster.yaml"])
    assert cluster["spec"]["authOptions"] == {"mode": "token"}
    labels = cluster["metadata"]["labels"]
    (*_, policy) = yaml.safe_load_all(files["shared.yaml"])
    assert policy["spec"]["podSelector"]["matchLabels"] == labels
    for template in pod_templates(cluster):
        assert template["metadata"]["labels"] == labels


def test_every_pod_keeps_to_the_restricted_profile() -> None:
    spec = load_spec(EXAMPLES / "kubernetes.toml")
    job = kuberay_manifests.ray_job(spec, "demo-1", ["xenograft", "run", "demo"])
    (cluster,) = yaml.safe_load_all(rendered("kubernetes")["raycluster.yaml"])
    tracking = yaml.safe_load_all(kubernetes_files("image:1", "space")["mlflow.yaml"])
    pods = [template["spec"] for template in pod_templates([cluster, job, *tracking])]
    assert len(pods) == 7
    containers = [container for pod in pods for container in pod["containers"]]
    containers.append(cluster["spec"]["autoscalerOptions"])
    for pod in pods:
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        # What a pod writes to is its own.
        assert pod["securityContext"]["fsGroup"] == pod["securityContext"]["runAsUser"]
    for container in containers:
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_the_server_of_compose_may_write_to_its_artifacts() -> None:
    services = yaml.safe_load(compose_files("image:1")["compose.yaml"])["services"]
    (volume,) = services["mlflow"]["volumes"]
    folder = volume.partition(":")[2]
    # A new volume has the owner that the folder has in the image.
    lines = (EXAMPLES.parents[1] / "Dockerfile").read_text().splitlines()
    (made,) = [line for line in lines if "mkdir" in line]
    assert folder in made.partition("chown 1000")[2].split()


def test_a_ray_job_runs_the_study_and_goes() -> None:
    spec = load_spec(EXAMPLES / "kubernetes.toml")
    job = kuberay_manifests.ray_job(spec, "demo-1", ["xenograft", "run", "demo", "--set", "a=b c"])
    assert job["spec"]["entrypoint"] == "xenograft run demo --set 'a=b c'"
    assert job["spec"]["shutdownAfterJobFinishes"] is True


def test_the_tracking_server_in_kubernetes_is_valid_and_its_secret_is_made_by_a_command() -> None:
    files = kubernetes_files("image:1", "space")
    manifests = list(yaml.safe_load_all(files["mlflow.yaml"]))
    for manifest in manifests:
        check(manifest)
    assert "Secret" not in {manifest["kind"] for manifest in manifests}


def test_a_tracking_server_needs_a_namespace_of_kubernetes() -> None:
    with pytest.raises(ConfigError, match="namespace 'my; space'"):
        kubernetes_files("image:1", "my; space")


def test_compose_keeps_the_password_in_a_private_file(tmp_path: Path) -> None:
    files = compose_files("image:1")
    password = files[".env"].partition("POSTGRES_PASSWORD=")[2].strip()
    assert len(password) >= 24
    assert password not in files["compose.yaml"]
    assert password != compose_files("image:1")[".env"].partition("PASSWORD=")[2].strip()
    paths = write_files(tmp_path / "server", files)
    assert {stat.S_IMODE(path.stat().st_mode) for path in paths} == {0o600}
    services = yaml.safe_load(files["compose.yaml"])["services"]
    assert services["mlflow"]["ports"] == ["127.0.0.1:5000:5000"]
    assert "ports" not in services["postgres"]


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(StorageError, match="taken"):
        write_files(tmp_path / "taken", {"compose.yaml": ""})


@pytest.mark.parametrize(
    ("kind", "which"), [("hosts", "*.sh"), ("slurm", "*.sbatch"), ("tracking", "make-secret.sh")]
)
def test_shell_scripts_are_clean(kind: str, which: str, tmp_path: Path) -> None:
    files = kubernetes_files("image:1", "space") if kind == "tracking" else rendered(kind)
    write_files(tmp_path, files)
    scripts = [str(path) for path in tmp_path.glob(which)]
    assert scripts
    checker = Path(sys.executable).with_name("shellcheck")
    command = [checker, "--shell=bash", "--format=json", *scripts]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert json.loads(done.stdout) == []
