"""Phrases about the classes of a set: a file the user brings, made up for the twins.

``<data>/labo/<data set>.json`` is an object, class -> list of phrases. Nobody published the ones of
medical sets.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from trainables.data.cards import get_data_card
from trainables.data.json_file import read_json
from trainables.data.knowledge_files import KnowledgeFile
from trainables.data.sets.knobo_knowledge import subject_of
from trainables.data.twins import knobo_twin_knowledge
from trainables.errors import DatasetError

if TYPE_CHECKING:
    from trainables.context import Locations

_SHOWN = ("{}", "{} can be seen", "typical of it: {}")
_NOT_SHOWN = ("no {}",)


def phrase_files(name: str) -> tuple[KnowledgeFile, ...]:
    """Return the file with the phrases about a data set's classes; none of a twin's."""
    if get_data_card(name).kind == "synthetic":
        return ()
    return (_file(name),)


def phrases_of(name: str, classes: Sequence[str], locations: Locations) -> list[tuple[str, ...]]:
    """Return the distinct phrases of each class, in their order.

    Raises:
        DatasetError: the file is not here or of another form, or a class has no phrase; or nothing
            is known of a generated set.
    """
    if get_data_card(name).kind == "synthetic":
        return _made_up(name, classes)
    return _read(_file(name).find(locations), classes)


def _file(name: str) -> KnowledgeFile:
    return KnowledgeFile(
        place=f"labo/{name}.json",
        title=f"the file of phrases about the classes of '{name}'",
        how_to_get="phrases of a language model (class -> list of phrases), as LaBo asks for them",
    )


def _read(path: Path, classes: Sequence[str]) -> list[tuple[str, ...]]:
    body = read_json(path)
    if not isinstance(body, dict):
        raise DatasetError(f"{path} must be an object, class -> list of phrases")
    found = []
    for name in classes:
        said = body.get(name)
        if not isinstance(said, list) or not all(isinstance(text, str) for text in said):
            raise DatasetError(
                f"{path}: class '{name}' must have a list of phrases, got {said!r:.60}; the file "
                f"has {', '.join(sorted(body)) or 'no class'}"
            )
        kept = tuple(dict.fromkeys(filter(None, (text.strip() for text in said))))
        if not kept:
            raise DatasetError(f"{path}: class '{name}' has no phrase, give it at least one")
        found.append(kept)
    return found


def _made_up(name: str, classes: Sequence[str]) -> list[tuple[str, ...]]:
    """Return what reports may say of each class, in several ways, and what they may not."""
    subject, answers = subject_of(name), knobo_twin_knowledge.priors(name)
    findings = knobo_twin_knowledge.FINDINGS[subject]
    return [
        tuple(
            form.format(finding)
            for question, finding in findings.items()
            for form in (_SHOWN if answers[of_class][question] == "yes" else _NOT_SHOWN)
        )
        for of_class in classes
    ]
