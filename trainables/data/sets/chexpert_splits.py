"""The split of CheXpert that the papers made, and one that keeps patients whole.

Both hold out 20 % of the rows in the order of their paths: low patient numbers are for validation,
then for testing, then for training.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from trainables.data.card import Split

# Meant by the authors to end the held-out part with a patient.
_PATIENT_OFFSET = 15


def paper_split(paths: Sequence[str]) -> Mapping[Split, list[int]]:
    """Split row numbers as feature-reuse does.

    Rows are sorted by path and then cut at rows named by their number in the *unsorted* table, both
    ends included: the row at each border is in two splits, and a border may cut a patient.

    Args:
        paths: in the order of the table.

    Raises:
        ValueError: there are too few rows, or they are in no order near that of their paths.
    """
    order, test_at, train_at = _borders(paths)
    return {
        "train": order[train_at:],
        "val": order[: test_at + 1],
        "test": order[test_at : train_at + 1],
    }


def patient_split(paths: Sequence[str]) -> Mapping[Split, list[int]]:
    """Split row numbers with the borders of :func:`paper_split` moved to the next patient.

    Args:
        paths: in the order of the table.

    Raises:
        ValueError: there are too few rows or patients.
    """
    order, test_at, train_at = _borders(paths)
    patients = [paths[row].split("/")[:-2] for row in order]
    test_at, train_at = (_next_patient(patients, at) for at in (test_at, train_at))
    split: dict[Split, list[int]] = {
        "train": order[train_at:],
        "val": order[:test_at],
        "test": order[test_at:train_at],
    }
    for name, rows in split.items():
        if not rows:
            raise ValueError(f"too few patients for a {name} split")
    return split


def _borders(paths: Sequence[str]) -> tuple[list[int], int, int]:
    """Return row numbers by path, and the places in them where test and train begin."""
    order = sorted(range(len(paths)), key=paths.__getitem__)
    first_train_row = int(0.2 * len(paths)) + _PATIENT_OFFSET
    if first_train_row >= len(paths):
        raise ValueError(f"too few rows to split ({len(paths)})")
    train_at = order.index(first_train_row)
    first_test_row = (train_at + 1) // 2
    test_at = order.index(first_test_row)
    if test_at > train_at:
        raise ValueError("the rows are in no order near that of their paths")
    return order, test_at, train_at


def _next_patient(patients: Sequence[Sequence[str]], at: int) -> int:
    while 0 < at < len(patients) and patients[at] == patients[at - 1]:
        at += 1
    return at
