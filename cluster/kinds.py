"""The kinds of clusters. Light: the command line's help names them."""

from __future__ import annotations

from typing import Literal, get_args

Kind = Literal["hosts", "onprem", "aws", "gcp", "kubernetes", "slurm"]

KINDS: tuple[Kind, ...] = get_args(Kind)
