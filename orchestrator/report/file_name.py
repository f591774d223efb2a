"""Names of files of a report."""

from __future__ import annotations

import re


def file_name(text: str) -> str:
    """Return a name any file system takes; equal texts give equal names."""
    return re.sub(r"[^\w.=+-]+", "_", text)[:150]
