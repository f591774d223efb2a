"""YAML as people write it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml


class _Plain(yaml.SafeDumper):
    """Writes a value that occurs twice twice, not as an anchor."""

    def ignore_aliases(self, data: Any) -> bool:
        del data
        return True


def yaml_text(*documents: Mapping[str, Any]) -> str:
    """Return documents as one text, keys in their order."""
    return yaml.dump_all(documents, Dumper=_Plain, sort_keys=False, width=100)
