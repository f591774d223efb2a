"""The ledger file: torn, damaged and unwritable."""

from __future__ import annotations

import math
import os
from pathlib import Path

import pytest

from orchestrator.events import EndEvent, Event, ReportEvent
from orchestrator.ledger import Ledger
from trainables.errors import StorageError


def _report(step: int, value: float = 0.5) -> ReportEvent:
    return ReportEvent(t=step, trial="t", step=step, metrics={"val/score": value})


def _filled(path: Path, n: int) -> list[Event]:
    ledger = Ledger(path)
    events: list[Event] = [_report(step) for step in range(n)]
    for event in events:
        ledger.append(event)
    ledger.close()
    return events


def test_what_is_appended_is_read_back_from_any_offset(tmp_path: Path) -> None:
    path = tmp_path / "new" / "ledger.jsonl"
    events = _filled(path, 3)
    read = list(Ledger(path).read())
    assert [event for _, event in read] == events
    assert [event for _, event in Ledger(path).read(read[0][0])] == events[1:]
    assert read[-1][0] == path.stat().st_size


def test_numbers_that_json_does_not_know_come_back(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.jsonl")
    end = EndEvent(t=1, trial="t", state="complete", metrics={"a": math.nan, "b": -math.inf})
    ledger.append(end)
    ((_, read),) = ledger.read()
    assert isinstance(read, EndEvent)
    assert math.isnan(read.metrics["a"])
    assert read.metrics["b"] == -math.inf


def test_no_file_is_an_empty_ledger(tmp_path: Path) -> None:
    assert list(Ledger(tmp_path / "none.jsonl").read()) == []


@pytest.mark.parametrize("torn", [b"{", b'{"event":"report","t":1', b"\xff"])
def test_a_torn_line_is_not_read_and_goes_at_the_next_append(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "ledger.jsonl"
    events = _filled(path, 2)
    path.write_bytes(path.read_bytes() + torn)
    assert [event for _, event in Ledger(path).read()] == events
    Ledger(path).append(_report(9))
    assert [event for _, event in Ledger(path).read()] == [*events, _report(9)]


def test_a_torn_line_longer_than_a_block_goes_whole(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    events = _filled(path, 1)
    path.write_bytes(path.read_bytes() + b"x" * 200_000)
    Ledger(path).append(_report(9))
    assert [event for _, event in Ledger(path).read()] == [*events, _report(9)]


@pytest.mark.parametrize(
    "garbage", [b"garbage", b"{}", b"3", b"null", b"[]", b'"x"', b"\xff", b'{"event":"none"}', b""]
)
def test_garbage_in_the_middle_is_named_by_its_byte(tmp_path: Path, garbage: bytes) -> None:
    path = tmp_path / "ledger.jsonl"
    _filled(path, 1)
    before = path.read_bytes()
    path.write_bytes(before + garbage + b"\n" + before)
    end = len(before) + len(garbage) + 1
    with pytest.raises(StorageError, match=rf"ends at byte {end} is not an event"):
        list(Ledger(path).read())


def test_a_full_disk_leaves_no_piece_of_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ledger.jsonl"
    ledger = Ledger(path)
    ledger.append(_report(1))
    whole, write, calls = path.read_bytes(), os.write, []

    def short(descriptor: int, data: bytes) -> int:
        calls.append(len(data))
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        return write(descriptor, data[:5])

    monkeypatch.setattr(os, "write", short)
    with pytest.raises(StorageError, match=r"cannot write .*ledger.jsonl: No space left"):
        ledger.append(_report(2))
    assert path.read_bytes() == whole
    monkeypatch.setattr(os, "write", write)
    ledger.append(_report(3))
    assert [event for _, event in ledger.read()] == [_report(1), _report(3)]


def test_a_write_that_takes_a_part_is_continued(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:7]))
    assert _filled(tmp_path / "ledger.jsonl", 2) == [
        event for _, event in Ledger(tmp_path / "ledger.jsonl").read()
    ]
