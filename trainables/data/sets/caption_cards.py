"""Data cards of pictures with texts and without labels, for contrastive training."""

from __future__ import annotations

from trainables.data.card import DataCard

_SHORT, _WHOLE = "short findings from their reports", "their reports"


def _lesions(name: str, texts: str, column: str) -> DataCard:
    return DataCard(
        name=name,
        title=f"ISIC pictures with {texts}",
        task="multilabel",
        classes=(),
        domains=("lesion_findings",),
        kind="real",
        licence="pictures: CC0 or CC-BY-NC, by picture; texts: that of who wrote them; bring your "
        "own",
        homepage="https://www.isic-archive.com/",
        how_to_get="pictures of the ISIC archive that no evaluation set holds, and a table of "
        f"their reports with '{column}' (see docs/alignment.md)",
        module="caption_corpus",
        twin="lesion_findings_twin",
    )


def _chests(name: str, texts: str, column: str) -> DataCard:
    return DataCard(
        name=name,
        title=f"MIMIC-CXR radiographs with {texts}",
        task="multilabel",
        classes=(),
        domains=("chest_findings",),
        kind="real",
        licence="PhysioNet Credentialed Health Data License 1.5.0; no redistribution",
        homepage="https://physionet.org/content/mimic-cxr-jpg/",
        how_to_get="the pictures of MIMIC-CXR-JPG, and a table of their reports with "
        f"'{column}' and 'views' (see docs/alignment.md)",
        module="caption_corpus",
        channels=1,
        twin="chest_findings_twin",
    )


CAPTION_CARDS = (
    _lesions("isic_findings", _SHORT, "findings"),
    _lesions("isic_reports", _WHOLE, "report"),
    _chests("mimic_findings", _SHORT, "findings"),
    _chests("mimic_reports", _WHOLE, "report"),
)
