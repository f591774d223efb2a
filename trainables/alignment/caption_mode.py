"""The names of the ways to make captions. No torch here."""

from __future__ import annotations

from typing import Literal

CaptionMode = Literal["findings", "joined", "sentences", "report"]
