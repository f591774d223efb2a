"""The one look at the test split: metrics here and under domain shift, and every prediction."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from trainables.config import DataRef
from trainables.context import Context
from trainables.data.atomic_file import replace_file
from trainables.data.image_set import ImageSet
from trainables.data.open import open_split
from trainables.metrics.classification import classification_metrics

Scorer = Callable[[ImageSet], Tensor]
"""Pictures -> logits_nk on the CPU."""


def final_metrics(
    score: Scorer, data: DataRef, shift_domains: tuple[str, ...], context: Context
) -> dict[str, float]:
    """Return ``test/...``, ``test_shift/<domain>/...`` and their mean ``test_shift/...``.

    Beside them ``chosen/...``: what the state that is tested has on all validation pictures, which
    the last epoch's report does not say and papers print as the accuracy in the domain.

    Writes ``predictions.parquet`` into the artifacts: domain, id, label, logits of every case.

    Raises:
        SealedTestError: this is a search trial.
    """
    images = open_split(data, "test", context)
    scored = [(images, score(images))]
    metrics = _named("test", images, scored[0][1])
    val = open_split(data, "val", context)
    metrics |= _named("chosen", val, score(val))
    shifts = []
    for domain in shift_domains:
        ref = DataRef(name=data.name, domains=(domain,), limit=data.limit)
        images = open_split(ref, "test", context)
        scored.append((images, score(images)))
        shifts.append(_named("test_shift", images, scored[-1][1]))
        metrics |= _named(f"test_shift/{domain}", images, scored[-1][1])
    if shifts:
        metrics |= {name: float(np.mean([row[name] for row in shifts])) for name in shifts[0]}
    if context.is_main:
        write_predictions(context.artifacts, scored)
    return metrics


def _named(prefix: str, images: ImageSet, logits_nk: Tensor) -> dict[str, float]:
    values = classification_metrics(logits_nk.numpy(), images.labels, images.task)
    return {f"{prefix}/{name}": value for name, value in values.items()}


def write_predictions(
    folder: Path, scored: list[tuple[ImageSet, Tensor]], tested_n: NDArray[np.bool_] | None = None
) -> None:
    """Write ``predictions.parquet``: domain, id, label, logits of every case.

    Args:
        tested_n: which cases ``test/...`` is of, as a column ``tested``; None: of all, as far as
            their domains go, and there is no such column.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.concat_tables(
        pa.table(
            {
                "domain": images.domain_of.tolist(),
                "id": images.ids.tolist(),
                "label": images.labels.tolist(),
                "logits": pa.array(logits_nk.tolist(), type=pa.list_(pa.float32())),
            }
        )
        for images, logits_nk in scored
    )
    if tested_n is not None:
        table = table.append_column("tested", [tested_n.tolist()])
    replace_file(folder / "predictions.parquet", lambda temporary: pq.write_table(table, temporary))
