"""ImageNet's validation pictures (ILSVRC 2012) without labels: a set to compare others with."""

from __future__ import annotations

import re
from pathlib import Path

from trainables.data.manifest import Row
from trainables.data.prepared import PreparedSource
from trainables.errors import DatasetError

_NAME = re.compile(r"ILSVRC2012_val_\d{8}\.JPEG")
_SYNSET = re.compile(r"n\d{8}")


def scan(source: Path) -> list[Row]:
    """List the pictures in a folder, or in its sub-folders named by synset.

    Which synset a picture is in is not kept: the flat folder, as it is published, does not tell.

    Raises:
        DatasetError: there is no picture, or one is in two places.
    """
    folders = [source, *(path for path in source.iterdir() if _SYNSET.fullmatch(path.name))]
    found: dict[str, str] = {}
    for picture in sorted(path for folder in folders for path in folder.glob("*.JPEG")):
        if not _NAME.fullmatch(picture.name):
            continue
        path = picture.relative_to(source).as_posix()
        if picture.name in found:
            raise DatasetError(f"{source}: {path} is also there as {found[picture.name]}")
        found[picture.name] = path
    if not found:
        raise DatasetError(
            f"{source}: there is no ILSVRC2012_val_<8 digits>.JPEG, neither in the folder itself "
            "nor in sub-folders n<8 digits>. Name the folder the validation pictures are in."
        )
    return [Row(path=found[name], split="val", domain="imagenet") for name in sorted(found)]


SOURCE = PreparedSource(scan=scan)
