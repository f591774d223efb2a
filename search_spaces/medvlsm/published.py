"""Numbers of the paper, of its first release and of a sibling paper, each said to be what it is.

Their ± is a standard deviation over test cases, which says nothing about runs: it is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from search_spaces.medvlsm.grid import MODEL, NO_PROMPT, TUMOURS
from search_spaces.published_numbers import PublishedRow, published_rows
from search_spaces.study import Published
from trainables.segmentation.config import RANDOM_PROMPT

_FILE = "medvlsm"
_TABLE_2 = "MIDL 2024 Table 2"
_FIRST_RELEASE = "first-release figures (digitised)"
_SIBLING_TRAINED, _SIBLING_FROZEN = "Table 2", "Table 3"
_MODELS = {title: level for level, title in MODEL.titles.items()}
_FROZEN = " (frozen encoders)"
_READERS = ("clipseg", "cris")
_CITED = "SOTA (cited)"
_PERCENT = 0.01
_DATASETS = {"isic": "isic2016"}
_OTHER_PIPELINE = "another pipeline: v1 and v2 of the paper"
_DEFECTS = (
    "in the released code the pooled CNN sees pictures in 0 to 255 and, where file names are "
    "numbers, masks of other pictures"
)
_BEST = "prompt not stated, taken to be the best one"

Numbers = dict[tuple[str, ...], Published]


def zero_shot() -> Numbers:
    """Return Dice by model, data set and prompt: the first release, CRIS with 17 tokens."""
    return {
        (_MODELS[row.method], _dataset(row), _fact(row, "prompt")): _as_published(
            row, _OTHER_PIPELINE
        )
        for row in published_rows(_FILE, _FIRST_RELEASE)
        if _regime(row) == "zero-shot"
    }


def fine_tuned() -> Numbers:
    """Return Dice by model, data set and prompt.

    CAMUS is that of the sibling paper, made with the scripts of the released code, for the two
    models it has; the rest is the first release.
    """
    rows = [
        row
        for row in published_rows(_FILE, _FIRST_RELEASE)
        if _regime(row) == "individual" and not _is_contaminated(row)
    ]
    numbers = {_key(row): _as_published(row, _OTHER_PIPELINE) for row in rows}
    return numbers | _sibling(_SIBLING_TRAINED)


def frozen_encoders() -> Numbers:
    """Return Dice of CRIS by model, data set and prompt, from the sibling paper."""
    return {key: value for key, value in _sibling(_SIBLING_FROZEN).items() if key[0] == "cris"}


def individual_best() -> Numbers:
    """Return Table 2 by model and data set, of models that read text, trained on one set."""
    return _individual(lambda model, name: model in _READERS and name != TUMOURS)


def tumours_best() -> Numbers:
    """Return the column BUSI of Table 2 by model and data set, of models that read text."""
    return _individual(lambda model, name: model in _READERS and name == TUMOURS)


def cnn_individual() -> Numbers:
    """Return Table 2 by model and data set, of CNNs trained on one set."""
    found = _individual(lambda model, _: model not in _READERS)
    return {
        (model, "busi" if name == TUMOURS else name): value
        for (model, name), value in found.items()
    }


def pooled() -> Numbers:
    """Return Table 2 by model, pool, data set and prompt, where the prompt is known."""
    numbers: Numbers = {}
    for pool in ("pooled_polyp", "pooled_all"):
        for (model, name), value in _table_2(pool).items():
            if model not in _READERS:
                doubt = _DEFECTS if pool == "pooled_all" else ""
                numbers[model, pool, name, NO_PROMPT] = replace(value, doubt=doubt)
            elif pool == "pooled_all":
                numbers[model, pool, name, RANDOM_PROMPT] = value
    return numbers


def endoscopy_best() -> Numbers:
    """Return Table 2 by model and data set, of models that read text, pooled over endoscopy."""
    found = _table_2("pooled_polyp")
    return {key: value for key, value in found.items() if key[0] in _READERS}


def _individual(kept: Callable[[str, str], bool]) -> Numbers:
    return {key: value for key, value in _table_2("individual").items() if kept(*key)}


def _table_2(regime: str) -> Numbers:
    numbers: Numbers = {}
    for row in published_rows(_FILE, _TABLE_2):
        if row.method == _CITED or _regime(row) != regime:
            continue
        model, name = _MODELS[row.method], _dataset(row)
        reads_text = model in _READERS
        note = _BEST if reads_text and regime != "pooled_all" else ""
        if name == "busi":
            name, note = (
                TUMOURS,
                ", ".join(filter(None, [note, "taken to be without normal cases"])),
            )
        numbers[model, name] = _as_published(row, note)
    return numbers


def _sibling(table: str) -> Numbers:
    return {
        _key(row): _as_published(row, "the sibling paper on CAMUS")
        for row in published_rows(_FILE, table)
        if _regime(row) == "individual"
    }


def _key(row: PublishedRow) -> tuple[str, ...]:
    model = _MODELS[row.method.removesuffix(_FROZEN)]
    return model, _dataset(row), _fact(row, "prompt")


def _dataset(row: PublishedRow) -> str:
    return _DATASETS.get(row.dataset, row.dataset)


def _regime(row: PublishedRow) -> str:
    return row.domain.split(";")[0].removeprefix("train=")


def _fact(row: PublishedRow, name: str) -> str:
    facts = dict(part.split("=", 1) for part in row.domain.split(";") if "=" in part)
    return facts.get(name, "")


def _is_contaminated(row: PublishedRow) -> bool:
    """CRIS on 540 cases of CAMUS is 4 to 7 points above the official test set for three prompts."""
    return "540" in _fact(row, "split") and row.method == "CRIS"


def _as_published(row: PublishedRow, note: str) -> Published:
    split = _fact(row, "split")
    said = "; ".join(filter(None, [f"{row.paper}, {row.table}", split, note]))
    return Published(value=row.value * _PERCENT, source=said)
