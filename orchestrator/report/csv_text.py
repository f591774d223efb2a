"""CSV as text."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence


def csv_text(columns: Sequence[str], lines: Iterable[Mapping[str, object]]) -> str:
    """Return a header and the lines; what a line does not have is empty."""
    file = io.StringIO()
    writer = csv.DictWriter(file, columns, restval="")
    writer.writeheader()
    writer.writerows(lines)
    return file.getvalue()
