"""Data cards of KnoBo's twenty sets."""

from __future__ import annotations

from trainables.data.card import SPLITS, DataCard
from trainables.data.sets.knobo_sets import KNOBO_SETS, KnoboSet

_SHARED = "expected: the released splits share patients, lesions or pictures"


def _card(known: KnoboSet) -> DataCard:
    archive, counts = known.archive, known.counts.values()
    how = f"confounded by {known.confounder}" if known.confounder else "random splits"
    return DataCard(
        name=known.name,
        title=f"{known.dataset} of KnoBo ({archive.title}, {how})",
        task="multiclass",
        classes=tuple(known.counts),
        domains=(known.name,),
        kind="real",
        licence=archive.licence,
        homepage=archive.homepage,
        how_to_get=(
            f"{archive.pictures}, below one folder DIR, and the class2images_*.p of the KnoBo "
            f"repository in DIR/{known.dataset}/splits, turned into DIR/{known.dataset}/splits.json"
            " by 'xenograft import splits DIR'"
        ),
        module="sets.knobo_source",
        channels=1 if known.modality == "xray" else 3,
        expected_counts={
            split: sum(by_split[place] for by_split in counts) for place, split in enumerate(SPLITS)
        },
        expected_classes={known.name: tuple(map(sum, counts))},
        overlap=_SHARED if known.patient or known.leak else "",
        twin=f"{known.name}_twin",
    )


KNOBO_CARDS: tuple[DataCard, ...] = tuple(map(_card, KNOBO_SETS))
