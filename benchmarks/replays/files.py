"""A table as a Parquet file: a row per config, its parameters and a column per record."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from replays.tables import Table

from search_spaces.space import Space

DIGITS = 4
"""Kept of a value; its sampling error is in the second."""


def write_table(table: Table, path: Path, provenance: Mapping[str, Any]) -> None:
    """Write a table and how it came about."""
    columns = dict(table.params)
    for record, cost in enumerate(table.cost_r):
        for name, values_br in (("val", table.val_br), ("test", table.test_br)):
            columns[f"{name}@{cost:g}"] = values_br[:, record].round(DIGITS).astype(np.float32)
    file = pa.table(columns).replace_schema_metadata({"provenance": json.dumps(provenance)})
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = path.with_suffix(".tmp")
    pq.write_table(file, whole, compression="zstd")
    whole.replace(path)


def read_table(path: Path, space: Space) -> Table:
    """Read a table of a space."""
    columns = {name: column.to_numpy() for name, column in _columns(path).items()}
    cost_r = [float(name.partition("@")[2]) for name in columns if name.startswith("val@")]
    val_br, test_br = (
        np.stack([columns[f"{name}@{cost:g}"] for cost in cost_r], axis=1).astype(np.float64)
        for name in ("val", "test")
    )
    return Table(
        space=space,
        params={name: columns[name] for name in space},
        cost_r=np.array(cost_r),
        val_br=val_br,
        test_br=test_br,
    )


def _columns(path: Path) -> dict[str, Any]:
    file = pq.read_table(path)
    return dict(zip(file.column_names, file.columns, strict=True))
