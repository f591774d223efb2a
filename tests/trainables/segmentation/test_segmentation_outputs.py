"""Files a final segmentation trial leaves: case table, masks, gallery."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from trainables.errors import DatasetError
from trainables.segmentation.case_table import CaseTable
from trainables.segmentation.gallery import choose
from trainables.segmentation.outputs import write_cases, write_mask, write_outputs
from trainables.segmentation.overlay import CasePicture


def table(
    dice: list[float], empty: list[bool] | None = None, ids: list[str] | None = None
) -> CaseTable:
    """Return a table of cases with these scores."""
    n = len(dice)
    values = np.asarray(dice, dtype=np.float64)
    return CaseTable(
        ids=tuple(ids or [f"c{i:02d}" for i in range(n)]),
        domains=("kvasir",) * n,
        classes=("polyp",) * n,
        prompts=tuple(f"prompt {i}" for i in range(n)),
        dice=values,
        iou=values / (2 - values),
        dice_net=values,
        iou_net=values / (2 - values),
        empty=np.asarray(empty or [False] * n),
    )


def square_case(index: int) -> CasePicture:
    """Return a grey picture with a square and a shifted prediction."""
    truth_hw = np.zeros((48, 64), dtype=np.bool_)
    truth_hw[10:30, 10:30] = True
    return CasePicture(
        picture_hwc=np.full((48, 64, 3), 90 + index, dtype=np.uint8),
        truth_hw=truth_hw,
        prediction_hw=np.roll(truth_hw, 4, axis=1),
    )


def test_the_case_table_comes_back_with_every_column_in_order(tmp_path: Path) -> None:
    cases = table([0.5, 1.0, 0.0], empty=[False, True, False])
    write_cases(tmp_path, cases)
    rows = pq.read_table(tmp_path / "cases.parquet").to_pylist()
    assert [row["case"] for row in rows] == list(cases.ids)
    assert [row["dice"] for row in rows] == [0.5, 1.0, 0.0]
    assert [row["empty_target"] for row in rows] == [False, True, False]
    assert rows[2] == {
        **{"case": "c02", "domain": "kvasir", "class": "polyp", "prompt": "prompt 2"},
        **{"dice": 0.0, "iou": 0.0, "dice_net": 0.0, "iou_net": 0.0, "empty_target": False},
    }


def test_a_table_with_one_id_twice_is_refused_by_name() -> None:
    with pytest.raises(DatasetError, match="'same'"):
        table([0.1, 0.2], ids=["same", "same"])


@pytest.mark.parametrize("broken", [{"dice": np.asarray([np.nan])}, {"prompts": ()}])
def test_a_table_with_a_hole_is_a_bug(broken: dict[str, object]) -> None:
    columns = dict.fromkeys(("ids", "domains", "classes", "prompts"), ("x",))
    scores = {name: np.ones(1) for name in ("dice", "iou", "dice_net", "iou_net")}
    with pytest.raises(ValueError, match=r"finite|length"):
        CaseTable(**{**columns, **scores, "empty": np.zeros(1, dtype=np.bool_), **broken})


def test_a_mask_is_one_channel_of_0_and_255_at_its_own_size(tmp_path: Path) -> None:
    mask_hw = np.random.default_rng(0).random((37, 53)) > 0.5
    path = write_mask(tmp_path, "mask_1/patient0001", mask_hw)
    assert path == tmp_path / "masks" / "mask_1" / "patient0001.png"
    with Image.open(path) as image:
        assert (image.mode, image.size) == ("L", (53, 37))
        assert np.array_equal(np.asarray(image), np.where(mask_hw, 255, 0))
    assert list(path.parent.iterdir()) == [path]


def test_a_mask_keeps_what_looks_like_a_suffix_in_the_id(tmp_path: Path) -> None:
    mask_hw = np.ones((2, 2), dtype=np.bool_)
    names = {write_mask(tmp_path, case, mask_hw).name for case in ("v1.5", "v1.6")}
    assert names == {"v1.5.png", "v1.6.png"}


@pytest.mark.parametrize("case", ["../out", "/abs", "a//b", "", ".", "a/..", "a\0b"])
def test_an_id_that_leads_out_of_the_folder_is_refused(case: str, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="cannot name a mask file"):
        write_mask(tmp_path / "inside", case, np.ones((2, 2), dtype=np.bool_))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("n", [0, 1, 2, 3, 5, 8, 9, 10, 40])
def test_the_gallery_shows_no_case_twice_and_keeps_the_order_of_scores(n: int) -> None:
    cases = table(list(np.random.default_rng(n).random(n)))
    chosen = choose(cases, range(n))
    flat = [case for kind in chosen.values() for case in kind]
    assert len(flat) == len(set(flat)) == min(9, n if n < 3 else 3 * (n // 3))
    if n >= 2:
        assert chosen["best"][0] == int(np.argmax(cases.dice))
        assert chosen["worst"][0] == int(np.argmin(cases.dice))
    if n >= 3:
        between = cases.dice[chosen["median"]]
        assert cases.dice[chosen["worst"]].max() <= between.min()
        assert between.max() <= cases.dice[chosen["best"]].min()
        better, worse = (cases.dice > between.max()).sum(), (cases.dice < between.min()).sum()
        assert abs(better - worse) <= 1


def test_equal_scores_are_ordered_by_id_whatever_the_order_of_rows() -> None:
    ids = ["d", "a", "c", "b", "f", "e"]
    first = choose(table([0.5] * 6, ids=ids), range(6))
    again = choose(table([0.5] * 6, ids=ids[::-1]), range(6))
    names = [[ids[i] for i in kind] for kind in first.values()]
    assert names == [["a", "b"], ["c", "d"], ["f", "e"]]
    assert names == [[ids[::-1][i] for i in kind] for kind in again.values()]


def test_pictures_are_asked_for_only_where_they_are_shown(tmp_path: Path) -> None:
    asked: list[int] = []

    def picture_of(index: int) -> CasePicture:
        asked.append(index)
        return square_case(index)

    write_outputs(tmp_path, table([i / 50 for i in range(50)]), picture_of)
    listing = json.loads((tmp_path / "gallery" / "gallery.json").read_text())
    assert asked == [49, 48, 47, 26, 25, 24, 0, 1, 2]
    assert [p["file"] for p in listing["pictures"]] == [
        f"{kind}_{k}.png" for kind in ("best", "median", "worst") for k in (1, 2, 3)
    ]
    files = {p.name for p in (tmp_path / "gallery").iterdir()}
    assert files == {"gallery.json", *(p["file"] for p in listing["pictures"])}
    for picture, index in zip(listing["pictures"], asked, strict=True):
        assert picture["case"] == f"c{index:02d}"
        assert picture["prompt"] == f"prompt {index}"
        assert picture["dice"] == pytest.approx(index / 50)


def test_both_empty_scores_one_and_is_not_shown_as_the_best(tmp_path: Path) -> None:
    cases = table([1.0, 0.0, 0.7], empty=[True, True, False])
    write_outputs(tmp_path, cases, square_case)
    listing = json.loads((tmp_path / "gallery" / "gallery.json").read_text())
    shown = [(p["kind"], p["case"]) for p in listing["pictures"]]
    assert shown == [("best", "c02"), ("worst", "c01")]
    assert (listing["cases"], listing["nothing_to_draw"]) == (3, 1)


def test_a_test_without_anything_to_draw_leaves_a_listing_of_nothing(tmp_path: Path) -> None:
    write_outputs(tmp_path, table([1.0, 1.0], empty=[True, True]), square_case)
    assert json.loads((tmp_path / "gallery" / "gallery.json").read_text())["pictures"] == []


def test_writing_again_gives_the_same_bytes(tmp_path: Path) -> None:
    def contents() -> dict[str, bytes]:
        write_outputs(tmp_path, table([0.3, 0.2, 0.9]), square_case)
        return {str(p): p.read_bytes() for p in tmp_path.rglob("*.*")}

    assert contents() == contents()
