"""Data cards of pictures with texts and without labels, for contrastive training."""

from __future__ import annotations

from trainables.data.card import DataCard

_LICENCE = "pictures: CC0 or CC-BY-NC, by picture; texts: that of who wrote them; bring your own"
_HOMEPAGE = "https://www.isic-archive.com/"
_PICTURES = (
    "pictures of the ISIC archive that no evaluation set holds, and a table of their reports"
)


def _card(name: str, texts: str, column: str) -> DataCard:
    return DataCard(
        name=name,
        title=f"ISIC pictures with {texts}",
        task="multilabel",
        classes=(),
        domains=("lesion_findings",),
        kind="real",
        licence=_LICENCE,
        homepage=_HOMEPAGE,
        how_to_get=f"{_PICTURES} with '{column}' (see docs/alignment.md)",
        module="caption_corpus",
        twin="lesion_findings_twin",
    )


CAPTION_CARDS = (
    _card("isic_findings", "short findings from their reports", "findings"),
    _card("isic_reports", "their reports", "report"),
)
