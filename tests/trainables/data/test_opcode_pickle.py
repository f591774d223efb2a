"""Plain pickles are read as an unpickler would; nothing else is, and nothing is ever run."""

from __future__ import annotations

import collections
import pickle
from pathlib import Path
from typing import Any

import pytest

from trainables.data.sets import opcode_pickle
from trainables.data.sets.opcode_pickle import read_plain_pickle
from trainables.errors import DatasetError

SPLIT = {
    "Nodule/Mass": ["a/images/1.png", "b/images/with space 2.png"],
    "actinic, seborrheic keratosis": [f"ISIC/images/ISIC_{n:07d}.JPG" for n in range(3000)],
    "é–": [],
}


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_reads_what_an_unpickler_reads(protocol: int, tmp_path: Path) -> None:
    data = pickle.dumps(SPLIT, protocol=protocol)
    found = read_plain_pickle(written(tmp_path / "x.p", data))
    assert found == pickle.loads(data)
    assert list(found) == list(SPLIT)


def test_reads_texts_that_occur_twice_and_single_items(tmp_path: Path) -> None:
    shared = "images/1.png"
    value: dict[str, Any] = {"one": [shared], "two": [shared, shared], "three": {"deep": []}}
    assert read_plain_pickle(written(tmp_path / "x.p", pickle.dumps(value, 4))) == value


class Malicious:
    """Touches a file when an unpickler meets it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("protocol", range(6))
def test_a_malicious_pickle_is_refused_before_it_does_anything(
    protocol: int, tmp_path: Path
) -> None:
    bait = tmp_path / "was_run"
    data = pickle.dumps({"benign": ["1.png"], "malignant": Malicious(bait)}, protocol=protocol)
    with pytest.raises(DatasetError, match=r"x\.p: instruction [A-Z_]+ at byte \d+"):
        read_plain_pickle(written(tmp_path / "x.p", data))
    assert not bait.exists()
    # The bait is a real one.
    pickle.loads(data)
    assert bait.exists()


HOSTILE = {
    "GLOBAL": b"cos\nsystem\n(S'true'\ntR.",
    "STACK_GLOBAL": b"\x80\x04\x8c\x02os\x8c\x06system\x93.",
    "REDUCE": b"\x80\x04}}R.",
    "BUILD": b"\x80\x04}}b.",
    "INST": b"(ios\nsystem\n.",
    "OBJ": b"\x80\x02(}o.",
    "NEWOBJ": b"\x80\x02}}\x81.",
    "EXT1": b"\x80\x02\x82\x01.",
    "PERSID": b"Pfile\n.",
    "BINPERSID": b"\x80\x02}Q.",
    "BININT1": b"\x80\x02K\x01.",
    "NONE": b"\x80\x02N.",
    "TUPLE1": b"\x80\x02}\x85.",
    "NEXT_BUFFER": b"\x80\x05\x97.",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_other_instructions_are_refused_by_name(name: str, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=rf"instruction {name} at byte \d+: it builds something"):
        read_plain_pickle(written(tmp_path / "x.p", HOSTILE[name]))


def test_subclasses_of_dict_are_not_plain(tmp_path: Path) -> None:
    data = pickle.dumps(collections.OrderedDict(SPLIT), 4)
    with pytest.raises(DatasetError, match="STACK_GLOBAL"):
        read_plain_pickle(written(tmp_path / "x.p", data))


BROKEN = {
    "empty": b"",
    "no end": b"\x80\x04}",
    "cut in a text": pickle.dumps(SPLIT, 4)[:40],
    "unknown instruction": b"\x80\x04\xff.",
    "nothing left": b"\x80\x04.",
    "two things left": b"\x80\x04}}.",
    "open mark": b"\x80\x04}(.",
    "something after the end": pickle.dumps(SPLIT, 4) + b"cos\nsystem\n.",
    "no mark": b"\x80\x04]e.",
    "add to nothing": b"\x80\x04]a.",
    "take from below the mark": b"\x80\x04]](a.",
    "odd pairs": b"\x80\x04}(\x8c\x01au.",
    "pairs to a list": b"\x80\x04](\x8c\x01a]u.",
    "items to a dict": b"\x80\x04}(]e.",
    "key that is a list": b"\x80\x04}]]s.",
    "same key twice": b"\x80\x04}\x8c\x01a]s\x8c\x01a]s.",
    "list in itself": b"\x80\x02]q\x00h\x00a.",
    "unknown memo": b"\x80\x02h\x07.",
    "memo of nothing": b"\x80\x04\x94.",
    "half a surrogate": b"\x80\x04\x8c\x03\xed\xa0\x80.",
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files_are_refused_with_their_name(name: str, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"x\.p"):
        read_plain_pickle(written(tmp_path / "x.p", BROKEN[name]))


def test_size_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "x.p", pickle.dumps(SPLIT, 4))
    monkeypatch.setattr(opcode_pickle, "_MOST_BYTES", 1000)
    with pytest.raises(DatasetError, match="more than 1000 bytes"):
        read_plain_pickle(path)


def test_unfolding_by_repetition_is_limited(tmp_path: Path) -> None:
    # 2 bytes each bring back a text of 60,000 characters: 12 million in a file of 60 kB.
    text = b"X" + (60_000).to_bytes(4, "little") + b"a" * 60_000 + b"q\x00"
    bomb = b"\x80\x02](" + text + b"h\x00" * 200 + b"e."
    with pytest.raises(DatasetError, match="too many texts"):
        read_plain_pickle(written(tmp_path / "x.p", bomb))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"x\.p is missing"):
        read_plain_pickle(tmp_path / "x.p")
