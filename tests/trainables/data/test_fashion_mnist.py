"""Fashion-MNIST is read from IDX files, gzipped or not, and damage is named."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from data_samples import Bytes, idx, write_files

from trainables.context import Locations
from trainables.data.cards import get_data_card
from trainables.data.sets import fashion_mnist
from trainables.data.sets.fashion_mnist import SYSTEM_FOLDER, FashionMnistSource
from trainables.data.sets.idx_file import read_idx
from trainables.errors import DatasetError

CARD = get_data_card("fashion_mnist")


@pytest.fixture
def source(monkeypatch: pytest.MonkeyPatch) -> FashionMnistSource:
    monkeypatch.setattr(fashion_mnist, "_VALIDATION", 20)
    return FashionMnistSource(system_folder=Path("/nonexistent"))


@pytest.fixture
def arrays(locations: Locations) -> tuple[Bytes, Bytes, Bytes, Bytes]:
    rng = np.random.default_rng(0)
    train_nhw = rng.integers(0, 256, (100, 28, 28), dtype=np.uint8)
    test_nhw = rng.integers(0, 256, (30, 28, 28), dtype=np.uint8)
    labels = (train_nhw[:, 0, 0] % 10).astype(np.uint8)
    made = (train_nhw, labels, test_nhw, (test_nhw[:, 0, 0] % 10).astype(np.uint8))
    write_files(locations.data / "fashion_mnist", *made)
    return made


def test_splits_hold_every_picture_once_with_its_label(
    source: FashionMnistSource, locations: Locations, arrays: tuple[Bytes, ...]
) -> None:
    seen = []
    for split, count in (("train", 80), ("val", 20), ("test", 30)):
        image_set = source.load(CARD, split, CARD.domains, locations)  # type: ignore[arg-type]
        batch_nchw = image_set.images(range(count)).numpy()
        assert len(image_set) == count
        assert batch_nchw.shape == (count, 3, 28, 28)
        np.testing.assert_array_equal(batch_nchw[:, 0], batch_nchw[:, 2])
        np.testing.assert_array_equal(batch_nchw[:, 0, 0, 0] % 10, image_set.labels)
        seen += [picture.tobytes() for picture in batch_nchw[:, 0]]
    assert sorted(seen) == sorted(p.tobytes() for a in (arrays[0], arrays[2]) for p in a)


@pytest.mark.usefixtures("arrays")
def test_gzip_is_a_matter_of_storage_not_of_identity(
    source: FashionMnistSource, locations: Locations
) -> None:
    zipped = source.status(CARD, locations)
    path = locations.data / "fashion_mnist" / "train-images-idx3-ubyte.gz"
    path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
    path.unlink()
    assert source.status(CARD, locations).digest == zipped.digest


@pytest.mark.usefixtures("arrays")
def test_digest_follows_the_content(source: FashionMnistSource, locations: Locations) -> None:
    before = source.status(CARD, locations).digest
    path = locations.data / "fashion_mnist" / "t10k-labels-idx1-ubyte"
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")
    assert source.status(CARD, locations).digest != before


def test_absent_files_name_package_and_folder(
    source: FashionMnistSource, locations: Locations
) -> None:
    status = source.status(CARD, locations)
    assert not status.present
    assert "dataset-fashion-mnist" in status.reason
    assert str(locations.data / "fashion_mnist") in status.reason


@pytest.mark.usefixtures("arrays")
@pytest.mark.parametrize("keep", [2, 9, 500])
def test_truncated_file_is_named(
    source: FashionMnistSource, locations: Locations, keep: int
) -> None:
    path = locations.data / "fashion_mnist" / "t10k-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DatasetError, match="t10k-images"):
        source.load(CARD, "test", CARD.domains, locations)


@pytest.mark.usefixtures("arrays")
def test_truncated_gzip_is_absent_with_its_name(
    source: FashionMnistSource, locations: Locations
) -> None:
    path = locations.data / "fashion_mnist" / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:500])
    status = source.status(CARD, locations)
    assert not status.present
    assert path.name in status.reason


def test_wrong_magic_and_wrong_dimensions_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"\x89PNG" + bytes(20))
    with pytest.raises(DatasetError, match="starts with 89504e47"):
        read_idx(tmp_path / "x", 1)
    (tmp_path / "y").write_bytes(idx(np.zeros((2, 3), dtype=np.uint8)))
    with pytest.raises(DatasetError, match="not an IDX file of bytes in 3 dimensions"):
        read_idx(tmp_path / "y", 3)


@pytest.mark.skipif(not SYSTEM_FOLDER.is_dir(), reason="dataset-fashion-mnist is not installed")
def test_installed_package_is_the_real_set(locations: Locations) -> None:
    image_set = FashionMnistSource().load(CARD, "test", CARD.domains, locations)
    assert len(image_set) == 10_000
    assert np.bincount(image_set.labels).tolist() == [1000] * 10
