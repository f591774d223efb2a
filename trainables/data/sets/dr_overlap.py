"""Messidor-2 holds many examinations of Messidor again: how many, as far as the files tell."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from trainables.data.manifest import Row
from trainables.data.problem import Problem
from trainables.errors import DatasetError

_ONE, _OTHER = "messidor", "messidor_2"
# Date, number, field: only such names say which photograph it is.
_PHOTOGRAPH = re.compile(r"\d{8}_\d+_\d+_pp")


@dataclass(frozen=True, kw_only=True, slots=True)
class SharedPictures:
    """Paths of pictures of Messidor-2 that are in Messidor.

    Args:
        by_content: those of equal bytes; other formats of the same picture are not among them.
        by_name: those whose names, without suffix, say that they are the same photograph.
    """

    by_content: frozenset[str]
    by_name: frozenset[str]


def shared_pictures(rows: Sequence[Row]) -> SharedPictures:
    """Find the pictures of Messidor-2 that are in Messidor too; rows must have hashes."""
    first = [row for row in rows if row.domain == _ONE]
    second = [row for row in rows if row.domain == _OTHER]
    hashes = {row.sha256 for row in first}
    photographs = {_photograph(row) for row in first} - {""}
    return SharedPictures(
        by_content=frozenset(row.path for row in second if row.sha256 in hashes),
        by_name=frozenset(row.path for row in second if _photograph(row) in photographs),
    )


def shared_examinations(rows: Sequence[Row]) -> Iterator[Problem]:
    """Warn that the two are not independent, where both are there."""
    if {_ONE, _OTHER} <= {row.domain for row in rows}:
        shared = shared_pictures(rows)
        yield Problem(
            severity="warning",
            where=f"{_ONE} and {_OTHER}",
            what="share examinations, so neither is an unseen domain to the other: "
            f"{len(shared.by_name)} pictures of {_OTHER} have the name of one of {_ONE}, "
            f"{len(shared.by_content)} its content; 'dr_deduplicated' leaves them out",
        )


def without_shared(rows: Sequence[Row]) -> list[Row]:
    """Leave out the pictures of Messidor-2 that are in Messidor too.

    Raises:
        DatasetError: neither names nor contents tell any.
    """
    shared = shared_pictures(rows)
    dropped = shared.by_content | shared.by_name
    if not dropped:
        raise DatasetError(
            f"no picture of {_OTHER} has the name or the content of one of {_ONE}, though the two "
            "share examinations: files were renamed and changed, or one set is not there"
        )
    return [row for row in rows if row.path not in dropped]


def _photograph(row: Row) -> str:
    name = PurePosixPath(row.path).stem.casefold()
    return name if _PHOTOGRAPH.fullmatch(name) else ""
