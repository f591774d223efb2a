"""Settings: which layer wins, and what is said of a wrong one."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.settings import resolve
from trainables.errors import ConfigError


def test_later_layers_win_and_each_value_knows_its_origin(tmp_path: Path) -> None:
    (tmp_path / "xenograft.toml").write_text('max_retries = 5\nstorage = "runs"\nhub = "online"\n')
    resolved = resolve(
        {"storage": Path("cli"), "address": None},
        {"XENOGRAFT_STORAGE": "env", "XENOGRAFT_GPUS_PER_WORKER": "0.25", "HOME": "/"},
        tmp_path,
    )
    assert resolved.settings.storage == tmp_path / "cli"
    assert resolved.settings.gpus_per_worker == 0.25
    assert resolved.settings.max_retries == 5
    assert resolved.origin["storage"] == "--storage"
    assert resolved.origin["gpus_per_worker"] == "XENOGRAFT_GPUS_PER_WORKER"
    assert resolved.origin["max_retries"] == "xenograft.toml: max_retries"
    assert resolved.origin["address"] == "default"


def test_data_weights_and_tracking_follow_the_storage_unless_set(tmp_path: Path) -> None:
    settings = resolve({"storage": tmp_path / "s"}, {}, tmp_path).settings
    assert settings.data == tmp_path / "s" / "data"
    assert settings.weights == tmp_path / "s" / "weights"
    assert settings.tracking_uri == f"sqlite:///{tmp_path / 's' / 'mlflow.db'}"
    moved = resolve({}, {"XENOGRAFT_DATA": "elsewhere"}, tmp_path).settings
    assert moved.data == tmp_path / "elsewhere"


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"XENOGRAFT_STORGE": "x"}, "XENOGRAFT_STORGE: no such setting. Did you mean 'storage'"),
        ({"XENOGRAFT_MAX_CONCURRENT": "two"}, "XENOGRAFT_MAX_CONCURRENT: .*valid integer"),
        ({"XENOGRAFT_WORKERS_PER_TRIAL": "0"}, "workers_per_trial must be a number of at least 1"),
        ({"XENOGRAFT_GPUS_PER_WORKER": "1.5"}, "above 1 must be whole"),
        ({"XENOGRAFT_HUB": "maybe"}, "XENOGRAFT_HUB: .*'offline' or 'online'"),
    ],
)
def test_a_wrong_variable_is_named(
    tmp_path: Path, environment: dict[str, str], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        resolve({}, environment, tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("storage = ", "xenograft.toml: "),
        ("max_retrys = 1", "no setting 'max_retrys'. Did you mean 'max_retries'"),
        ('max_retries = "many"', "xenograft.toml: max_retries: .*valid integer"),
    ],
)
def test_a_wrong_file_is_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "xenograft.toml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        resolve({}, {}, tmp_path)
