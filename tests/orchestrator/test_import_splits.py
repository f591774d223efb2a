"""``xenograft import splits``: what is written, checked and refused."""

from __future__ import annotations

import json
import pickle
import shlex
import sys
from pathlib import Path

import pytest

from orchestrator.cli import main
from trainables.data.card import SPLITS
from trainables.data.sets import knobo_sets
from trainables.data.sets.knobo_pickles import convert_splits
from trainables.data.split_files import read_split_file, split_digest
from trainables.errors import DatasetError

CONTENT = {
    split: {k: [f"Mine/images/{split}-{k}-{n}.png" for n in range(4)] for k in ("b", "a")}
    for split in SPLITS
}


def write_pickles(folder: Path, dataset: str) -> Path:
    """Write the files of one set as they are released."""
    splits = folder / dataset / "splits"
    splits.mkdir(parents=True)
    for split, by_class in CONTENT.items():
        (splits / f"class2images_{split}.p").write_bytes(pickle.dumps(by_class, protocol=4))
    return folder / dataset


def released() -> tuple[str, str, str]:
    train, val, test = (split_digest(CONTENT[split]) for split in SPLITS)
    return train, val, test


@pytest.mark.parametrize("start", ["", "Mine", "repository"])
def test_sets_are_found_wherever_one_starts(start: str, tmp_path: Path) -> None:
    root = tmp_path / "data" / "datasets" if start == "repository" else tmp_path
    folder = write_pickles(root, "Mine")
    (one,) = convert_splits(tmp_path / (start if start == "Mine" else ""), {"Mine": released()})
    assert (one.known, one.root, one.path) == (True, root, folder / "splits.json")
    found = read_split_file(one.path)
    assert (found.dataset, found.classes) == ("Mine", ("b", "a"))
    for split in SPLITS:
        assert {k: list(v) for k, v in found.splits[split].items()} == CONTENT[split]
        assert one.digests[split] == split_digest(CONTENT[split])


def test_other_content_than_the_released_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    write_pickles(tmp_path, "First")
    write_pickles(tmp_path, "Mine")
    train, _, test = released()
    with pytest.raises(DatasetError, match=r"Mine/splits/class2images_val\.p: its content"):
        convert_splits(tmp_path, {"Mine": (train, "0" * 16, test)})
    assert not list(tmp_path.rglob("splits.json"))


def test_converting_again_changes_nothing_and_other_splits_are_kept(tmp_path: Path) -> None:
    folder = write_pickles(tmp_path, "Mine")
    (one,) = convert_splits(tmp_path, {})
    before = one.path.read_bytes()
    assert not one.known
    convert_splits(tmp_path, {})
    assert one.path.read_bytes() == before
    other = {**CONTENT["val"], "a": ["Mine/images/mine.png"]}
    (folder / "splits" / "class2images_val.p").write_bytes(pickle.dumps(other, protocol=4))
    with pytest.raises(DatasetError, match="there already and lists others"):
        convert_splits(tmp_path, {})
    assert one.path.read_bytes() == before


def test_a_missing_split_and_an_empty_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"there is no <set>/splits/class2images_train\.p"):
        convert_splits(tmp_path, {})
    folder = write_pickles(tmp_path, "Mine")
    (folder / "splits" / "class2images_test.p").unlink()
    with pytest.raises(DatasetError, match=r"class2images_test\.p is missing"):
        convert_splits(tmp_path, {})


@pytest.mark.integration
def test_the_command_converts_and_refuses_a_split_that_is_not_the_released_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_pickles(tmp_path, "Mine")
    monkeypatch.setattr(sys, "argv", ["xenograft", "import", "splits", str(folder), "--json"])
    with pytest.raises(SystemExit) as end:
        main()
    assert not end.value.code
    (found,) = json.loads(capsys.readouterr().out)
    assert found["counts"] == {"train": 8, "val": 8, "test": 8}
    assert found["as_released"] is False
    assert (folder / "splits.json").is_file()

    write_pickles(tmp_path, "HAM10000")
    monkeypatch.setattr(sys, "argv", ["xenograft", "import", "splits", str(tmp_path / "HAM10000")])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    assert "the released file 61196cf907c3e366" in capsys.readouterr().err.replace("\n", " ")


@pytest.mark.integration
def test_the_next_command_can_be_pasted_whatever_the_folder_is_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "my sets"
    write_pickles(root, "HAM10000")
    monkeypatch.setattr(knobo_sets, "RELEASED_DIGESTS", {"HAM10000": released()})
    monkeypatch.setattr(sys, "argv", ["xenograft", "import", "splits", str(root)])
    with pytest.raises(SystemExit) as end:
        main()
    assert not end.value.code
    (following,) = [line for line in capsys.readouterr().out.splitlines() if "next: " in line]
    words = shlex.split(following)
    assert words == ["next:", "xenograft", "prepare", "ham10000", "--source", str(root)]
