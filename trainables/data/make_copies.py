"""Decode the pictures of a prepared set once, for all trials that will read them.

Pictures with the same bytes are copied once. A shard that is written stays when the work is
interrupted, and is not done again.

Axes: c channels, h rows, w columns.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

from trainables.config import digest
from trainables.data.artifact_store import ArtifactStore, save_arrays
from trainables.data.atomic_file import replace_file, sha256_of
from trainables.data.card import DataCard
from trainables.data.cards import get_data_card, source_of
from trainables.data.copies import INDEX, KIND, PER_SHARD, copies_key, shard_name
from trainables.data.prepare import Progress
from trainables.data.prepared import PreparedSource
from trainables.errors import DatasetError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from trainables.context import Locations


@dataclass(frozen=True, kw_only=True, slots=True)
class Copies:
    """What was made.

    Args:
        pictures: distinct ones.
        size_bytes: of all of them on disk.
    """

    folder: Path
    pictures: int
    size_bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class _Shard:
    """The work of one process.

    Args:
        files: to decode, by the sha256 they had when the set was prepared.
        target: what to write; the sizes of the pictures go beside it, last.
    """

    files: Mapping[str, Path]
    target: Path
    channels: int
    mend: bool
    short_side_px: int | None

    @property
    def sizes(self) -> Path:
        return self.target.with_suffix(".npy")


def make_copies(
    name: str,
    short_side_px: int | None,
    locations: Locations,
    progress: Progress | None = None,
    processes: int | None = None,
) -> Copies:
    """Copy all pictures of a prepared set into the store, unless they are there.

    Args:
        short_side_px: pictures with a longer one are made smaller (bilinear, antialiased), others
            stay as they are; None copies exactly.
        processes: that decode; as many as there are cores when None.

    Raises:
        DatasetError: the set is not prepared or not one of files, a picture cannot be read or is
            another than it was.
        StorageError: the store cannot be written.
    """
    card = get_data_card(name)
    source = _source(card, short_side_px)
    prepared, rows = source.rows(card, locations)
    files = {row.sha256: prepared.source / row.path for row in rows}
    contents = sorted(files)
    key = copies_key(prepared.digest, short_side_px)
    parts = locations.store / KIND / f"{digest(key)}.parts"
    shards = [
        _Shard(
            files={content: files[content] for content in contents[start : start + PER_SHARD]},
            target=parts / shard_name(number),
            channels=card.channels,
            mend=source.mend,
            short_side_px=short_side_px,
        )
        for number, start in enumerate(range(0, len(contents), PER_SHARD))
    ]

    def build(folder: Path) -> None:
        parts.mkdir(parents=True, exist_ok=True)
        _write_all(shards, progress, processes or len(os.sched_getaffinity(0)))
        _gather(shards, folder)
        shutil.rmtree(parts)

    folder = ArtifactStore(locations.store).get_or_build(KIND, key, build)
    size = sum(file.stat().st_size for file in folder.iterdir())
    return Copies(folder=folder, pictures=len(contents), size_bytes=size)


def _source(card: DataCard, short_side_px: int | None) -> PreparedSource:
    source = source_of(card)
    if not isinstance(source, PreparedSource):
        raise DatasetError(f"data set '{card.name}' is not prepared from files: nothing to copy")
    if short_side_px is not None and short_side_px < 1:
        raise DatasetError(f"a short side has 1 px or more, not {short_side_px}")
    if short_side_px is not None and card.prompt_types:
        raise DatasetError(
            f"the masks of '{card.name}' have the size of its pictures: copy them exactly only"
        )
    return source


def _write_all(shards: Sequence[_Shard], progress: Progress | None, processes: int) -> None:
    total = sum(len(shard.files) for shard in shards)
    todo = [shard for shard in shards if not shard.sizes.exists()]
    done = total - sum(len(shard.files) for shard in todo)
    for written in _written(todo, processes):
        done += written
        if progress is not None:
            progress(done, total)


def _written(shards: Sequence[_Shard], processes: int) -> Iterator[int]:
    """Write shards and yield how many pictures each of them has, as they are done."""
    if processes == 1 or len(shards) <= 1:
        yield from map(_write, shards)
        return
    # Not forked: libraries that were used before have threads a child would wait for.
    with ProcessPoolExecutor(processes, get_context("spawn"), _one_thread) as pool:
        try:
            yield from (
                job.result() for job in as_completed(pool.submit(_write, s) for s in shards)
            )
        finally:
            pool.shutdown(cancel_futures=True)


def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)


def _write(shard: _Shard) -> int:
    import numpy as np

    sizes = []

    def write(path: Path) -> None:
        with path.open("wb") as file:
            for content, picture in shard.files.items():
                image_hwc = _decoded(shard, content, picture)
                sizes.append(image_hwc.shape[:2])
                file.write(image_hwc.tobytes())

    replace_file(shard.target, write)
    size_px = np.array(sizes, dtype=np.int32)
    replace_file(shard.sizes, lambda path: np.save(path, size_px, allow_pickle=False))
    return len(sizes)


def _decoded(shard: _Shard, content: str, picture: Path) -> npt.NDArray[np.uint8]:
    """Return the pixels to keep, (h, w, c)."""
    import numpy as np
    from torchvision.transforms import v2

    from trainables.data.pixels import read_image

    image_chw = read_image(picture, shard.channels, mend=shard.mend)
    if sha256_of(picture) != content:
        raise DatasetError(f"{picture} has changed. Run 'xenograft prepare' with --source again.")
    side = shard.short_side_px
    if side is not None and min(image_chw.shape[1:]) > side:
        image_chw = v2.functional.resize(image_chw, [side], antialias=True)
    return np.ascontiguousarray(image_chw[: shard.channels].permute(1, 2, 0).numpy())


def _gather(shards: Sequence[_Shard], folder: Path) -> None:
    import numpy as np

    contents = b"".join(bytes.fromhex(content) for shard in shards for content in shard.files)
    index = {
        "sha256": np.frombuffer(contents, dtype=np.uint8).reshape(-1, 32),
        "size_px": np.concatenate([np.load(shard.sizes) for shard in shards]),
    }
    save_arrays(folder / INDEX, index)
    for shard in shards:
        shard.target.replace(folder / shard.target.name)
