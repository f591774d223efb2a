"""Sentences that say what to segment on a picture, by type.

A data set writes the same thing at several lengths; each is a prompt type, ``p0`` to ``p9``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

Prompts = Mapping[str, tuple[str, ...]]
"""Prompt type -> wordings that mean the same, in the order of the file that lists them."""


def prompts_text(prompts: Prompts) -> str:
    """Return prompts as the text that a manifest keeps; empty when there are none."""
    if not prompts:
        return ""
    return json.dumps({kind: list(wordings) for kind, wordings in prompts.items()})


def prompts_of_text(text: str) -> Prompts:
    """Return what :func:`prompts_text` turned into text."""
    if not text:
        return {}
    return {kind: tuple(wordings) for kind, wordings in json.loads(text).items()}
