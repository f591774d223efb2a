"""What is said when there is no Ray to be had."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.ray_cluster import ray_cluster
from orchestrator.settings import Settings
from trainables.errors import ResourceError


def test_a_node_that_does_not_start_in_time_is_an_error_of_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import ray

    def slow(**_: Any) -> None:
        raise Exception("The current node timed out during startup.")

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", slow)
    with (
        pytest.raises(ResourceError, match="a local cluster: The current node timed out"),
        ray_cluster(Settings()),
    ):
        pass
