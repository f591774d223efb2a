"""Published cells that cannot be right, or not all of them: found by arithmetic on the tables.

None of them is a target.
"""

from __future__ import annotations

from dataclasses import dataclass

from search_spaces.published_numbers import PublishedRow

_SKIN = "skin-mean"
_UNCONFOUNDED_SKIN = (
    "HAM10000",
    "BCN20000",
    "PAD-UFES-20",
    "Melanoma",
    "UWaterloo",
    _SKIN,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Suspect:
    """Rows of a table; an empty field is any.

    Args:
        method: how the name of the method begins.
        metric: how the name of the metric begins.
    """

    table: str
    reason: str
    method: str = ""
    metric: str = ""
    datasets: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()

    def matches(self, row: PublishedRow) -> bool:
        return (
            row.table == self.table
            and row.method.startswith(self.method)
            and row.metric.startswith(self.metric)
            and (not self.datasets or row.dataset in self.datasets)
            and (not self.domains or row.domain in self.domains)
        )


_NOT_TABLE_1 = (
    "Table 1 gives KnoBo on skin OOD 71.9, Avg 79.0, Overall 78.5, and no average agrees with it"
)
_OF_OOD = ("OOD", "Avg", "Overall")
_SAME_ROW = "Tables 9 (linear probe) and 12 (trained whole) have the same row; one is a copy"
_OTHER_MEAN = "its five cells have another mean"

_SUSPECTS = (
    _Suspect(
        table="Table 2", method="KnoBo", datasets=(_SKIN,), domains=_OF_OOD, reason=_NOT_TABLE_1
    ),
    *(
        _Suspect(table=table, datasets=(_SKIN,), domains=_OF_OOD, reason=_NOT_TABLE_1)
        for table in ("Table 3", "Table 10")
    ),
    _Suspect(
        table="Table 5",
        datasets=(_SKIN,),
        domains=(*_OF_OOD, "Gap"),
        reason="the mean of gaps is below the gap of the means, which cannot be",
    ),
    _Suspect(
        table="Table 9",
        method="DenseNet",
        metric="linear_probe",
        datasets=_UNCONFOUNDED_SKIN,
        reason=_SAME_ROW,
    ),
    _Suspect(table="Table 12", method="DenseNet", datasets=_UNCONFOUNDED_SKIN, reason=_SAME_ROW),
    _Suspect(
        table="Table 9",
        method="WhyXrayCLIP no extraction",
        metric="linear_probe",
        datasets=("vindr-cxr",),
        reason="no number of 175 pictures is 46.0 %; 46.9 would agree with the mean of its row",
    ),
    *(
        _Suspect(table="Table 11", method=method, datasets=(_SKIN,), reason=_OTHER_MEAN)
        for method in ("ConvNext-L untrained", "ViT-L/14 untrained")
    ),
)


def suspicion(row: PublishedRow) -> str:
    """Return why a published number is no target; empty if nothing speaks against it."""
    return next((suspect.reason for suspect in _SUSPECTS if suspect.matches(row)), "")
