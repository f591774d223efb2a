"""``doctor env``: each look says what is there, and what to do where something is wrong."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator.cli import main
from orchestrator.environment import Found, examine, machine, programs, services
from orchestrator.settings import Settings

Make = Callable[..., Settings]


@pytest.fixture
def settings(tmp_path: Path) -> Make:
    """Make settings whose folders are the test's own."""

    def make(**changes: Any) -> Settings:
        storage = tmp_path / "runs"
        values = {"storage": storage, "tracking_uri": f"sqlite:///{storage / 'mlflow.db'}"}
        return Settings(**{**values, **changes})

    return make


def _wrong(found: Found, state: str, remedy: str) -> None:
    assert found.state == state
    assert remedy in found.remedy


def test_a_storage_that_is_not_there_yet_is_not_made(settings: Make, tmp_path: Path) -> None:
    assert machine.storage(settings()).state == "ok"
    assert list(tmp_path.iterdir()) == []


def test_a_storage_that_is_a_file_fails(settings: Make, tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("")
    _wrong(machine.storage(settings()), "fail", "--storage")


def test_a_storage_that_refuses_files_fails(
    settings: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "runs").mkdir()

    def refuse(**_: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(machine.tempfile, "TemporaryFile", refuse)
    _wrong(machine.storage(settings()), "fail", "permissions")


@pytest.mark.parametrize(("free_gib", "state"), [(0.5, "fail"), (5, "warn"), (50, "ok")])
def test_little_space_warns_and_none_fails(
    settings: Make, monkeypatch: pytest.MonkeyPatch, free_gib: float, state: str
) -> None:
    class Usage:
        free = free_gib * 2**30

    monkeypatch.setattr(machine.shutil, "disk_usage", lambda _: Usage)
    assert machine.disk(settings()).state == state


@pytest.mark.parametrize(("size_mib", "state"), [(64, "warn"), (4096, "ok")])
def test_shared_memory_of_a_container_is_too_small(
    settings: Make, monkeypatch: pytest.MonkeyPatch, size_mib: int, state: str
) -> None:
    class Usage:
        total = size_mib * 2**20

    monkeypatch.setattr(machine.shutil, "disk_usage", lambda _: Usage)
    assert machine.shared_memory(settings()).state == state


@pytest.mark.parametrize(("value", "state"), [("1", "ok"), ("64", "warn"), ("many", "warn")])
def test_more_threads_than_a_trial_holds_cpus_are_warned_of(
    settings: Make, monkeypatch: pytest.MonkeyPatch, value: str, state: str
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", value)
    assert machine.threads(settings()).state == state


def test_a_trial_that_wants_a_gpu_where_there_is_none_fails(
    settings: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(programs, "local_node", lambda: {"CPU": 2.0, "GPU": 0.0})
    assert programs.gpu(settings()).state == "ok"
    _wrong(programs.gpu(settings(gpus_per_worker=1.0)), "fail", "gpus_per_worker")
    assert programs.gpu(settings(gpus_per_worker=1.0, address="head:6379")).state == "ok"


@pytest.mark.parametrize(
    ("cuda", "visible", "remedy"),
    [(None, None, "with CUDA"), ("13.2", "", "unset it"), ("13.2", None, "CUDA 13.2")],
)
def test_a_gpu_that_torch_cannot_use_fails_with_its_cause(
    settings: Make,
    monkeypatch: pytest.MonkeyPatch,
    cuda: str | None,
    visible: str | None,
    remedy: str,
) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", cuda)
    monkeypatch.setattr(programs, "local_node", lambda: {"CPU": 2.0, "GPU": 1.0})
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    _wrong(programs.gpu(settings()), "fail", remedy)


@pytest.mark.gpu
def test_a_gpu_is_used_and_trials_that_ignore_it_are_warned_of(settings: Make) -> None:
    assert programs.gpu(settings(gpus_per_worker=1.0)).state == "ok"
    _wrong(programs.gpu(settings()), "warn", "--gpus-per-worker")


@pytest.mark.parametrize("look", [programs.torch, programs.gpu, services.ray])
def test_a_library_that_cannot_be_imported_fails(
    settings: Make, monkeypatch: pytest.MonkeyPatch, look: Callable[[Settings], Found]
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setitem(sys.modules, "ray", None)
    _wrong(look(settings()), "fail", "install")


def test_a_trial_larger_than_this_machine_fails(settings: Make) -> None:
    assert services.ray(settings(cpus_per_worker=0.5)).state == "ok"
    _wrong(services.ray(settings(cpus_per_worker=4096.0)), "fail", "--cpus-per-worker")


def test_a_cluster_that_does_not_answer_fails(settings: Make) -> None:
    _wrong(services.ray(settings(address="127.0.0.1:1")), "fail", "--address")


def test_a_tracking_store_is_opened_but_not_made(settings: Make, tmp_path: Path) -> None:
    assert services.mlflow(settings()).state == "ok"
    assert not (tmp_path / "runs").exists()


def test_a_tracking_store_that_is_no_database_fails(settings: Make, tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "mlflow.db").write_text("no database at all, but long enough" * 9)
    assert services.mlflow(settings()).state == "fail"


def test_an_address_that_tracking_refuses_fails(settings: Make) -> None:
    _wrong(services.mlflow(settings(tracking_uri="file:///x")), "fail", "sqlite:////")


def test_a_server_of_another_major_version_is_warned_of(
    settings: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Store:
        def search_experiments(self, max_results: int) -> list[str]:
            return [""] * max_results

    monkeypatch.setattr(services, "connect", lambda _: Store())
    monkeypatch.setattr(services, "_server_version", lambda _: "2.9.0")
    _wrong(services.mlflow(settings(tracking_uri="http://127.0.0.1:1")), "warn", "update")
    monkeypatch.setattr(services, "_server_version", lambda _: "")
    assert services.mlflow(settings(tracking_uri="http://127.0.0.1:1")).state == "ok"


def test_an_offline_variable_against_an_online_setting_is_warned_of(
    settings: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from huggingface_hub import constants

    (tmp_path / "hub" / "models--timm--a").mkdir(parents=True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert programs.hub_cache(settings()).what.startswith("1 models")
    _wrong(programs.hub_cache(settings(hub="online")), "warn", "HF_HUB_OFFLINE")


def test_what_is_looked_at_has_names_of_its_own(settings: Make) -> None:
    names = [check.name for check in examine(settings())]
    assert len(set(names)) == len(names) > 8


@pytest.mark.parametrize(("worst", "code"), [("warn", 0), ("fail", 1)])
def test_only_a_failure_changes_the_exit_code(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    worst: str,
    code: int,
) -> None:
    looks = {"good": lambda _: Found(state="ok", what="fine")}
    looks["bad"] = lambda _: Found(state=worst, what="not [bold]fine", remedy="mend it")  # type: ignore[arg-type]
    monkeypatch.setattr("orchestrator.environment.looks._LOOKS", looks)
    monkeypatch.chdir(tmp_path)
    for option in ([], ["--json"]):
        monkeypatch.setattr(sys, "argv", ["xenograft", "doctor", "env", *option])
        ended = 0
        try:
            main()
        except SystemExit as end:
            ended = int(end.code or 0)
        assert ended == code
        out = capsys.readouterr().out
        if option:
            assert [row["state"] for row in json.loads(out)] == ["ok", worst]
        else:
            assert f"{worst} bad: not [bold]fine\n     mend it" in out
