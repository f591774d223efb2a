"""Read the annotation files of MedVLSM: one JSON list per split, one object per case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from trainables.data.json_file import read_json
from trainables.data.prompts import Prompts
from trainables.errors import DatasetError


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One structure on one picture.

    Args:
        picture, mask: names of files, which may hold folders.
    """

    picture: str
    mask: str
    prompts: Prompts


def read_cases(path: Path, prompt_types: Sequence[str], name: str) -> list[Case]:
    """Return the cases of a file, in its order. What else is in an object is passed over.

    Args:
        prompt_types: those that every case must have.
        name: of the data set, for messages.

    Raises:
        DatasetError: the file is missing or of another form, or a prompt type is missing.
    """
    body = read_json(path)
    if not isinstance(body, list) or not body:
        raise DatasetError(f"{path}: not a JSON list of cases, or an empty one")
    cases = []
    for number, entry in enumerate(body):
        where = f"{path}, entry {number}"
        case = _case(entry, where)
        for kind in prompt_types:
            if kind not in case.prompts:
                raise DatasetError(
                    f"{where} ({case.picture}): has no prompt '{kind}', which every case of "
                    f"'{name}' needs; it has {', '.join(case.prompts)}"
                )
        cases.append(case)
    return cases


def _case(entry: Any, where: str) -> Case:
    if not isinstance(entry, dict):
        raise DatasetError(f"{where}: not a JSON object")
    for key in ("img_name", "mask_name", "prompts"):
        if key not in entry:
            raise DatasetError(f"{where}: has no '{key}'")
    return Case(
        picture=_file_name(entry["img_name"], f"{where}: 'img_name'"),
        mask=_file_name(entry["mask_name"], f"{where}: 'mask_name'"),
        prompts=_prompts(entry["prompts"], where),
    )


def _file_name(value: Any, where: str) -> str:
    if not isinstance(value, str) or not value or not value.isprintable():
        raise DatasetError(f"{where}: {value!r} is not the name of a file")
    parts = PurePosixPath(value)
    if parts.is_absolute() or ".." in parts.parts:
        raise DatasetError(f"{where}: '{value}' leads out of the folder of the data set")
    return parts.as_posix()


def _prompts(value: Any, where: str) -> Prompts:
    if not isinstance(value, dict) or not value:
        raise DatasetError(f"{where}: 'prompts' is not an object of prompt types, or empty")
    for kind in value:
        if not kind.isprintable():
            raise DatasetError(f"{where}: {kind!r} is not the name of a prompt type")
    return {kind: _wordings(given, f"{where}: prompt '{kind}'") for kind, given in value.items()}


def _wordings(value: Any, where: str) -> tuple[str, ...]:
    wordings = tuple(value) if isinstance(value, list) else (value,)
    if not wordings or not all(_is_text(wording) for wording in wordings):
        raise DatasetError(f"{where}: neither a text nor a list of texts")
    return wordings


def _is_text(value: Any) -> bool:
    # JSON can write halves of surrogate pairs, which are no text.
    return isinstance(value, str) and not any("\ud800" <= letter <= "\udfff" for letter in value)
