"""Records of a run under the names of DomainBed's logs, so that its collectors read them.

``env<i>_<part>_<metric>`` with i the place of the domain in the data card, the part 'in' or 'out',
and the metric 'acc', 'f1m' (macro F1 over all classes of the set) or 'f1w' (weighted F1).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from trainables.data.atomic_file import replace_file
from trainables.generalisation.splits import DomainParts

Part = Literal["in", "out"]
Record = dict[str, float]

METRICS: Mapping[str, str] = {
    "acc": "accuracy",
    "f1m": "macro_f1_fixed",
    "f1w": "weighted_f1",
}
"""DomainBed's names of what :mod:`trainables.metrics.classification` measures."""

RESULTS = "results.jsonl"


def recorded(domain: DomainParts, part: Part, metrics: Mapping[str, float]) -> Record:
    """Return the entries of one part of a domain."""
    prefix = f"env{domain.environment}_{part}_"
    return {prefix + short: metrics[name] for short, name in METRICS.items()}


def metrics_in(record: Record, domain: DomainParts, part: Part) -> dict[str, float]:
    """Return the metrics of one part of a domain under our names (inverse of :func:`recorded`)."""
    prefix = f"env{domain.environment}_{part}_"
    return {name: record[prefix + short] for short, name in METRICS.items()}


def write_results(
    folder: Path,
    records: Sequence[Record],
    args: Mapping[str, Any],
    hparams: Mapping[str, Any],
    steps_per_epoch: float,
) -> None:
    """Write ``results.jsonl``: one object per record, keys sorted, undefined numbers as null."""
    lines = []
    for record in records:
        values = {key: value if math.isfinite(value) else None for key, value in record.items()}
        epoch = record["step"] / steps_per_epoch
        line = {**values, "epoch": epoch, "args": args, "hparams": hparams}
        lines.append(json.dumps(line, sort_keys=True) + "\n")
    replace_file(folder / RESULTS, lambda temporary: _write(temporary, "".join(lines)))


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
