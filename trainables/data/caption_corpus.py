"""Pictures with texts about them, read from where they lie: what CLIP is fine-tuned on.

``<data>/<folder>/captions.{parquet,jsonl,csv,tsv}`` (see :mod:`trainables.data.caption_table`) lies
beside the pictures it names. The identity of a set is that of its table: pictures are taken to be
what the table calls them. A report that the table gives no split is held out for validation with
a probability of 1 %, by its id.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from trainables.config import digest
from trainables.data.card import DataCard, DataStatus, Split
from trainables.data.concepts import FRONTAL
from trainables.data.content_hash import content_sha256
from trainables.data.sets.knobo_sets import Modality
from trainables.errors import DatasetError

if TYPE_CHECKING:
    from trainables.context import Locations
    from trainables.data.image_set import ImageSet

_NAMES = tuple(f"captions{kind}" for kind in (".parquet", ".jsonl", ".csv", ".tsv"))
_VERSION = 1
"""Raised when the same table would give other texts or splits."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Corpus:
    """Where a set's table is, and which of its texts are the captions.

    Args:
        folder: inside the data folder; sets may share one.
        texts: the short findings, or the one report they were taken from.
        views: of the pictures that count; the table need not name views when empty.
    """

    folder: str
    modality: Modality
    texts: Literal["findings", "report"]
    views: tuple[str, ...] = ()


@dataclass(frozen=True)
class CorpusSource:
    """Sets whose captions stay on disk, however many there are.

    Args:
        corpora: by card name.
    """

    corpora: Mapping[str, Corpus]

    def status(self, card: DataCard, locations: Locations) -> DataStatus:
        """Tell the digest of the table, or where to put it."""
        corpus = self.corpora[card.name]
        try:
            table = _table(locations.data / corpus.folder, card)
            sha256 = content_sha256(table, locations.store)
        except DatasetError as error:
            return DataStatus(card=card, digest="", present=False, reason=str(error))
        identity = {"table": sha256, "texts": corpus.texts, "version": _VERSION}
        if corpus.views:
            identity["views"] = corpus.views
        return DataStatus(card=card, digest=digest(identity), present=True)

    def load(
        self, card: DataCard, split: Split, domains: tuple[str, ...], locations: Locations
    ) -> ImageSet:
        """Open a split; the table is sorted into splits, once, in the store."""
        import numpy as np

        from trainables.data.artifact_store import ArtifactStore
        from trainables.data.caption_files import MappedPaths, MappedTexts, sort_into_splits
        from trainables.data.image_set import Annotations, ImageSet
        from trainables.data.pixels import FilePixels

        corpus = self.corpora[card.name]
        root = locations.data / corpus.folder
        table = _table(root, card)
        content = self.status(card, locations).digest
        store = ArtifactStore(locations.store)
        folder = store.get_or_build(
            "captions", {"data": content}, lambda made: sort_into_splits(table, corpus, made)
        )
        captions = MappedTexts(folder, split)
        ids = np.array(captions.images(), dtype=np.str_)
        annotations = Annotations(
            labels=np.zeros((len(ids), 0), dtype=np.float32),
            domain_of=np.full(len(ids), domains[0]),
            ids=ids,
            captions=captions,
        )
        pixels = FilePixels(MappedPaths(root, ids), card.channels)
        return ImageSet.of(card, split, content, pixels, annotations)


def _table(folder: Path, card: DataCard) -> Path:
    found = [folder / name for name in _NAMES if (folder / name).is_file()]
    if not found:
        raise DatasetError(
            f"data set '{card.name}' is not here. Get {card.how_to_get} ({card.homepage}; "
            f"{card.licence}) into {folder}, with one of {', '.join(_NAMES)} there"
        )
    if len(found) > 1:
        raise DatasetError(
            f"{folder} has {' and '.join(path.name for path in found)}: leave one of them"
        )
    return found[0]


SOURCE = CorpusSource(
    MappingProxyType(
        {
            "isic_findings": Corpus(folder="isic_pairs", modality="skin", texts="findings"),
            "isic_reports": Corpus(folder="isic_pairs", modality="skin", texts="report"),
            "mimic_findings": Corpus(
                folder="mimic_pairs", modality="xray", texts="findings", views=FRONTAL
            ),
            "mimic_reports": Corpus(
                folder="mimic_pairs", modality="xray", texts="report", views=FRONTAL
            ),
        }
    )
)
