"""CheXpert's splits, against the released code's results and against pandas."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from data_layouts import chexpert_rows

from trainables.data.card import SPLITS
from trainables.data.sets.chexpert import clean_labels
from trainables.data.sets.chexpert_splits import paper_split, patient_split

GOLDEN = json.loads(
    (Path(__file__).parents[2] / "golden" / "feature_reuse" / "splits.json").read_text()
)
CASES = pytest.mark.parametrize("case", GOLDEN["chexpert"], ids=lambda c: str(c["n_rows"]))


@CASES
def test_paper_split_conforms(case: dict[str, Any]) -> None:
    split = paper_split(case["paths"])
    for name in SPLITS:
        assert split[name] == case["expected"][name]["csv_rows"]


@CASES
def test_labels_conform(case: dict[str, Any]) -> None:
    for expected in case["expected"].values():
        for row, labels in zip(expected["csv_rows"], expected["labels"], strict=True):
            raw = ["" if v is None else str(v) for v in case["raw_labels"][row]]
            assert clean_labels(raw, "here") == tuple(labels)


def test_paper_split_is_label_slicing_of_the_sorted_table() -> None:
    paths, _ = chexpert_rows(patients=60, studies=4, shuffled=True)
    table = pd.DataFrame({"Path": paths}).sort_values("Path")
    first_train = int(0.2 * len(paths)) + 15
    held = table.loc[:first_train]
    middle = len(held) // 2
    split = paper_split(paths)
    assert split["train"] == table.loc[first_train:].index.tolist()
    assert split["val"] == held.loc[:middle].index.tolist()
    assert split["test"] == held.loc[middle:].index.tolist()


def test_paper_split_shares_one_row_at_each_border() -> None:
    paths, _ = chexpert_rows(patients=60, studies=4, shuffled=True)
    split = {name: set(rows) for name, rows in paper_split(paths).items()}
    assert len(split["val"] & split["test"]) == len(split["test"] & split["train"]) == 1
    assert not split["val"] & split["train"]
    assert split["val"] | split["test"] | split["train"] == set(range(240))


@pytest.mark.parametrize("shuffled", [False, True])
@pytest.mark.parametrize("studies", [1, 3, 7])
def test_patient_split_has_every_row_once_and_no_patient_twice(
    studies: int, shuffled: bool
) -> None:
    paths, _ = chexpert_rows(patients=70, studies=studies, shuffled=shuffled)
    split = patient_split(paths)
    assert sorted(row for rows in split.values() for row in rows) == list(range(len(paths)))
    patients = [{paths[row].split("/")[2] for row in split[name]} for name in SPLITS]
    assert sum(len(p) for p in patients) == 70
    # The borders move by less than a patient, and only forward.
    paper = paper_split(paths)
    assert 0 <= len(split["val"]) - (len(paper["val"]) - 1) < studies
    assert 0 <= len(paper["train"]) - len(split["train"]) < studies


@pytest.mark.parametrize("split", [paper_split, patient_split])
@pytest.mark.parametrize("rows", [0, 1, 18])
def test_too_few_rows_are_refused(split: Any, rows: int) -> None:
    with pytest.raises(ValueError, match="too few rows"):
        split(chexpert_rows(patients=rows, studies=1, shuffled=False)[0])


def test_one_patient_cannot_be_split() -> None:
    with pytest.raises(ValueError, match="too few patients"):
        patient_split(chexpert_rows(patients=1, studies=9, shuffled=False)[0] * 4)


def test_table_in_reverse_order_is_refused() -> None:
    paths, _ = chexpert_rows(patients=100, studies=1, shuffled=False)
    with pytest.raises(ValueError, match="in no order near"):
        paper_split(paths[::-1])
