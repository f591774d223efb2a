"""Checkpoints: exact round trips, and damage that is noticed."""

from __future__ import annotations

import logging
import math
from pathlib import Path

import pytest
import torch
from torch import nn

from trainables.engine.checkpoint import load_newest_checkpoint, save_checkpoint


def same(left: object, right: object) -> bool:
    if isinstance(left, torch.Tensor):
        return (
            isinstance(right, torch.Tensor)
            and left.dtype == right.dtype
            and left.shape == right.shape
            and left.stride() == right.stride()
            and torch.equal(left, right)
        )
    if type(left) is not type(right):
        return False
    if isinstance(left, dict) and isinstance(right, dict):
        return list(left) == list(right) and all(same(left[k], right[k]) for k in left)
    if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, float) and math.isnan(left):
        return isinstance(right, float) and math.isnan(right)
    return left == right


def test_every_kind_of_value_comes_back_as_it_was(tmp_path: Path) -> None:
    tensor = torch.randn(4, 4)
    state = {
        "ints": {0: [1, 2], 7: (0.9, 0.999)},
        "odd": [None, True, False, "text", 0.1 + 0.2, float("nan"), float("-inf"), -3],
        "empty": {"dict": {}, "list": [], "tensor": torch.zeros(0, 3)},
        "tensors": [
            torch.tensor(3.5),
            torch.arange(4),
            torch.tensor([True, False]),
            torch.randn(3).bfloat16(),
            tensor,
            tensor[:2].clone(),
            torch.randn(2, 3, 4, 5).contiguous(memory_format=torch.channels_last),
        ],
    }
    save_checkpoint(tmp_path, 3, state)
    loaded = load_newest_checkpoint(tmp_path)
    assert loaded is not None
    assert loaded[0] == 3
    assert same(state, loaded[1])


def test_tensors_that_share_memory_are_both_kept(tmp_path: Path) -> None:
    base = torch.arange(6.0).reshape(2, 3)
    save_checkpoint(tmp_path, 1, {"base": base, "again": base, "row": base[1], "turned": base.T})
    loaded = load_newest_checkpoint(tmp_path)
    assert loaded is not None
    for name, expected in {"base": base, "again": base, "row": base[1], "turned": base.T}.items():
        assert torch.equal(loaded[1][name], expected)


@pytest.mark.parametrize("kind", [torch.optim.AdamW, torch.optim.SGD])
def test_optimizer_state_round_trips_exactly(tmp_path: Path, kind: type) -> None:
    model = nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)
    optimizer = kind(
        model.parameters(), lr=0.1, **({"momentum": 0.9} if kind is not torch.optim.AdamW else {})
    )
    model(torch.randn(2, 3, 8, 8)).sum().backward()
    optimizer.step()
    save_checkpoint(tmp_path, 1, {"optimizer": optimizer.state_dict()})
    loaded = load_newest_checkpoint(tmp_path)
    assert loaded is not None
    assert same(optimizer.state_dict(), loaded[1]["optimizer"])


def test_unknown_value_is_refused_and_leaves_no_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="cannot hold"):
        save_checkpoint(tmp_path, 1, {"what": object()})
    assert load_newest_checkpoint(tmp_path) is None


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    for step in (1, 2, 9, 10):
        save_checkpoint(tmp_path, step, {"step": step}, keep=2)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["step-000009", "step-000010"]


def test_no_checkpoint_is_none(tmp_path: Path) -> None:
    assert load_newest_checkpoint(tmp_path / "nowhere") is None


def damage_truncate(path: Path) -> None:
    file = path / "tensors.safetensors"
    file.write_bytes(file.read_bytes()[:-4])


def damage_flip(path: Path) -> None:
    file = path / "tensors.safetensors"
    raw = bytearray(file.read_bytes())
    raw[-1] ^= 1
    file.write_bytes(raw)


def damage_json(path: Path) -> None:
    file = path / "state.json"
    file.write_text(file.read_text()[:-10])


def damage_number(path: Path) -> None:
    file = path / "state.json"
    changed = file.read_text().replace("4242", "4243")
    assert changed != file.read_text()
    file.write_text(changed)


def damage_missing(path: Path) -> None:
    (path / "tensors.safetensors").unlink()


@pytest.mark.parametrize(
    "damage", [damage_truncate, damage_flip, damage_json, damage_number, damage_missing]
)
def test_damaged_checkpoint_is_reported_and_the_one_before_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: object
) -> None:
    for step in (1, 2):
        save_checkpoint(tmp_path, step, {"x": torch.ones(8) * step, "n": 4242})
    assert callable(damage)
    damage(tmp_path / "step-000002")
    with caplog.at_level(logging.WARNING):
        loaded = load_newest_checkpoint(tmp_path)
    assert loaded is not None
    assert loaded[0] == 1
    assert torch.equal(loaded[1]["x"], torch.ones(8))
    assert "step-000002" in caplog.text


def test_damaged_checkpoint_is_replaced_when_its_step_is_done_again(tmp_path: Path) -> None:
    for step in (1, 2):
        save_checkpoint(tmp_path, step, {"n": step})
    damage_json(tmp_path / "step-000002")
    save_checkpoint(tmp_path, 2, {"n": 22})
    assert load_newest_checkpoint(tmp_path) == (2, {"n": 22})


def test_folder_of_a_killed_writer_is_removed(tmp_path: Path) -> None:
    (tmp_path / ".building-dead").mkdir(parents=True)
    save_checkpoint(tmp_path, 1, {"n": 1})
    assert [p.name for p in tmp_path.iterdir()] == ["step-000001"]
