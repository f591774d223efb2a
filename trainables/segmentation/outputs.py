"""What a final trial leaves of its test for people and programs to look at.

Axes: h rows, w columns.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from trainables.data.atomic_file import replace_file
from trainables.errors import DatasetError
from trainables.segmentation.case_table import CaseTable
from trainables.segmentation.file_names import CASES, MASKS
from trainables.segmentation.gallery import write_gallery
from trainables.segmentation.overlay import CasePicture


def write_outputs(folder: Path, cases: CaseTable, picture_of: Callable[[int], CasePicture]) -> None:
    """Write ``cases.parquet`` and the gallery into the artifacts of a trial.

    Args:
        picture_of: index of a case -> its picture; asked for at most nine of them, one at a time.
    """
    write_cases(folder, cases)
    write_gallery(folder, cases, picture_of)


def write_cases(folder: Path, cases: CaseTable) -> None:
    """Write ``cases.parquet``, a row per case in the table's order.

    Columns: case, domain, class, prompt, dice, iou, dice_net, iou_net, empty_target.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table(
        {
            "case": pa.array(cases.ids, pa.string()),
            "domain": pa.array(cases.domains, pa.string()),
            "class": pa.array(cases.classes, pa.string()),
            "prompt": pa.array(cases.prompts, pa.string()),
            "dice": cases.dice,
            "iou": cases.iou,
            "dice_net": cases.dice_net,
            "iou_net": cases.iou_net,
            "empty_target": cases.empty,
        }
    )
    replace_file(folder / CASES, lambda temporary: pq.write_table(table, temporary))


def write_mask(folder: Path, case: str, prediction_hw: npt.NDArray[np.bool_]) -> Path:
    """Write ``masks/<case>.png``: one channel, 0 and 255, of the size given.

    Never JPEG: its ringing turns into foreground for whoever counts non-zero pixels.

    Args:
        case: id of the case; slashes in it make sub-folders.

    Raises:
        DatasetError: the id would lead out of the folder.
    """
    from PIL import Image

    parts = case.split("/")
    if any(part in ("", ".", "..") or "\0" in part for part in parts):
        raise DatasetError(f"case id {case!r} cannot name a mask file: it leads out of the folder")
    path = folder.joinpath(MASKS, *parts[:-1], f"{parts[-1]}.png")
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(prediction_hw.astype(np.uint8) * 255)
    replace_file(path, lambda temporary: picture.save(temporary, format="PNG"))
    return path
