from pathlib import Path

import pytest
import torch

from trainables.context import Locations


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def locations(tmp_path: Path) -> Locations:
    return Locations(data=tmp_path / "data", weights=tmp_path / "weights", store=tmp_path / "store")


@pytest.fixture(autouse=True)
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty hub cache, so that what lies on this machine decides no test."""
    cache = tmp_path / "hub"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    return cache
