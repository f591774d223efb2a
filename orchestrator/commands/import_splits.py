"""``import splits``: KnoBo's released split files, without running the pickles they are."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.commands.options import Json
from orchestrator.console import ERR, OUT, print_json, print_next, print_rows


def import_splits(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder with <set>/splits/class2images_*.p.")
    ],
    as_json: Json = False,
) -> None:
    """Convert released splits to splits.json, checking their content against what is on record.

    Example: xenograft import splits KnoBo/data/datasets
    """
    from trainables.data.card import SPLITS
    from trainables.data.sets.knobo_pickles import convert_splits
    from trainables.data.sets.knobo_sets import KNOBO_SETS, RELEASED_DIGESTS

    with ERR.status("checking the content of the splits"):
        converted = convert_splits(folder, RELEASED_DIGESTS)
    if as_json:
        print_json(
            [
                {
                    "dataset": one.splits.dataset,
                    "path": str(one.path),
                    "classes": list(one.splits.classes),
                    "counts": {s: _count(one.splits.splits[s]) for s in SPLITS},
                    "digests": dict(one.digests),
                    "as_released": one.known,
                }
                for one in converted
            ]
        )
        return
    rows = []
    for one in converted:
        counts = [str(_count(one.splits.splits[split])) for split in SPLITS]
        content = "as released" if one.known else "not on record"
        rows.append((one.splits.dataset, *counts, " ".join(one.digests.values()), content))
    print_rows(("set", *SPLITS, "digests", "content"), rows)
    OUT.print("\nsplits.json is in the folder of each", markup=False, soft_wrap=True)
    names = {known.dataset: known.name for known in KNOBO_SETS}
    for one in converted:
        if one.known:
            source = shlex.quote(str(one.root))
            print_next(f"xenograft prepare {names[one.splits.dataset]} --source {source}")
            break


def _count(by_class: Mapping[str, tuple[str, ...]]) -> int:
    return sum(map(len, by_class.values()))
