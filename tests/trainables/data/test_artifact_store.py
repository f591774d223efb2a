"""The store builds once, keeps whole entries only, and says what is wrong with its folder."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from trainables.data import artifact_store
from trainables.data.artifact_store import ArtifactStore, load_arrays, save_arrays
from trainables.errors import StorageError

KEY = {"data": "abc", "size_px": 96}


def write_number(folder: Path) -> None:
    (folder / "number.txt").write_text("42")


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(tmp_path / "store")


@pytest.fixture
def forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every call check hashes, as a new process would."""

    class Never(set[tuple[str, int, int]]):
        def __contains__(self, mark: object) -> bool:
            return False

    monkeypatch.setattr(artifact_store, "_verified", Never())


def test_second_request_does_not_build(store: ArtifactStore) -> None:
    first = store.get_or_build("features", KEY, write_number)
    second = store.get_or_build("features", dict(reversed(KEY.items())), write_number)
    assert first == second
    assert (first / "number.txt").read_text() == "42"
    assert [line["key"] for line in store.builds("features")] == [first.name]


def test_other_key_or_kind_is_another_entry(store: ArtifactStore) -> None:
    entries = {
        store.get_or_build("features", KEY, write_number),
        store.get_or_build("features", {**KEY, "size_px": 64}, write_number),
        store.get_or_build("pixels", KEY, write_number),
    }
    assert len(entries) == 3


PROGRAM = """
import sys, time
from pathlib import Path
from trainables.data.artifact_store import ArtifactStore

def build(folder):
    time.sleep(0.3)
    (folder / "x.txt").write_text("x" * 1000)

entry = ArtifactStore(Path(sys.argv[1])).get_or_build("features", {"a": 1}, build)
print((entry / "x.txt").stat().st_size)
"""


def test_processes_that_ask_at_once_build_once(store: ArtifactStore) -> None:
    command = [sys.executable, "-c", PROGRAM, str(store.root)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    answers = [process.communicate(timeout=60)[0].strip() for process in running]
    assert answers == ["1000"] * 4
    assert len(store.builds("features")) == 1


def test_truncated_entry_is_built_again(
    store: ArtifactStore, caplog: pytest.LogCaptureFixture
) -> None:
    entry = store.get_or_build("features", KEY, write_number)
    (entry / "number.txt").write_text("4")
    again = store.get_or_build("features", KEY, write_number)
    assert (again / "number.txt").read_text() == "42"
    assert "1 bytes instead of 2" in caplog.text
    assert len(store.builds("features")) == 2


@pytest.mark.usefixtures("forgetful")
@pytest.mark.parametrize("fault", ["altered", "deleted", "index"])
def test_damaged_entry_is_built_again(store: ArtifactStore, fault: str) -> None:
    entry = store.get_or_build("features", KEY, write_number)
    if fault == "altered":
        (entry / "number.txt").write_text("43")
    elif fault == "deleted":
        (entry / "number.txt").unlink()
    else:
        (entry / "index.json").write_text("{")
    again = store.get_or_build("features", KEY, write_number)
    assert (again / "number.txt").read_text() == "42"
    assert len(store.builds("features")) == 2


def test_rebuilt_entry_is_hashed_again_by_a_process_that_knew_the_old_one(
    store: ArtifactStore,
) -> None:
    entry = store.get_or_build("features", KEY, write_number)
    (entry / "number.txt").unlink()
    store.get_or_build("features", KEY, lambda folder: write_number(folder))
    (entry / "number.txt").write_text("43")
    os.utime(entry / "index.json")
    assert (store.get_or_build("features", KEY, write_number) / "number.txt").read_text() == "42"


def test_failed_build_leaves_nothing_and_passes_its_error_on(store: ArtifactStore) -> None:
    def fail(folder: Path) -> None:
        write_number(folder)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store.get_or_build("features", KEY, fail)
    assert [p for p in (store.root / "features").iterdir() if p.is_dir()] == []
    assert store.get_or_build("features", KEY, write_number).is_dir()


def test_leftovers_of_a_killed_builder_are_removed(store: ArtifactStore) -> None:
    def die(folder: Path) -> None:
        write_number(folder)
        os._exit(9)

    child = os.fork()
    if child == 0:
        store.get_or_build("features", KEY, die)
    os.waitpid(child, 0)
    assert len(list((store.root / "features").glob("*.tmp-*"))) == 1
    entry = store.get_or_build("features", KEY, write_number)
    assert [p for p in entry.parent.iterdir() if p.is_dir()] == [entry]


def test_full_disk_is_a_storage_error_that_names_the_folder(store: ArtifactStore) -> None:
    def fill(folder: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))

    with pytest.raises(StorageError, match=r"store.*No space left"):
        store.get_or_build("features", KEY, fill)


def test_unwritable_store_is_a_storage_error_that_names_the_folder(tmp_path: Path) -> None:
    # A file in the way refuses everyone, root included.
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="file"):
        ArtifactStore(tmp_path / "file" / "store").get_or_build("features", KEY, write_number)


def test_missing_input_of_a_build_is_not_blamed_on_the_store(store: ArtifactStore) -> None:
    def read(folder: Path) -> None:
        (folder / "missing.csv").read_text()

    with pytest.raises(FileNotFoundError):
        store.get_or_build("features", KEY, read)


def test_arrays_survive_exactly(tmp_path: Path) -> None:
    arrays: dict[str, npt.NDArray[Any]] = {
        "feats_nd": np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32),
        "transposed": np.arange(6, dtype=np.int64).reshape(2, 3).T,
        "nothing": np.zeros((0, 5), dtype=np.uint8),
    }
    save_arrays(tmp_path / "x.safetensors", arrays)
    loaded = load_arrays(tmp_path / "x.safetensors")
    assert loaded.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(loaded[name], array)
        assert loaded[name].dtype == array.dtype
    assert [p.name for p in tmp_path.iterdir()] == ["x.safetensors"]
