"""Read what is known of concepts: lists of questions, priors of classes, annotations of reports.

The formats are those that KnoBo (Yang et al., NeurIPS 2024) released. Strings are kept to the
letter, but for white space around a question in a list: questions and classes are keys from one
file to another.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainables.config import seed_from
from trainables.data.json_file import read_json
from trainables.errors import DatasetError

ANSWERS = ("yes", "no", "unknown")

FRONTAL = ("AP", "PA")
"""Views of a chest radiograph that concepts are learned from."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AnnotatedReports:
    """Ids of the reports that confirm a concept, and of those that do not, in the file's order."""

    positive: tuple[str, ...]
    negative: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class AnnotatedPictures:
    """Places of the pictures that show a concept, and of those that do not."""

    positive: list[int]
    negative: list[int]


def read_concepts(path: Path) -> tuple[str, ...]:
    """Return the questions of a bottleneck, one per line; a repeated one counts once.

    Raises:
        DatasetError: the file is missing, empty or no text.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise DatasetError(f"{path} is missing") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: cannot be read as a list ({error})") from error
    # Not splitlines(): a question may hold a character that it takes for the end of a line.
    found = tuple(dict.fromkeys(filter(None, (line.strip() for line in text.split("\n")))))
    if not found:
        raise DatasetError(f"{path}: there is no concept in it, one per line")
    return found


def read_priors(path: Path) -> dict[str, dict[str, str]]:
    """Return class -> concept -> 'yes', 'no' or 'unknown'.

    Raises:
        DatasetError: the file is missing or of another form.
    """
    body = _object(read_json(path), f"{path}", "classes")
    for name, of_class in body.items():
        for concept, answer in _object(of_class, f"{path}: class '{name}'", "concepts").items():
            if answer not in ANSWERS:
                raise DatasetError(
                    f"{path}: class '{name}', concept '{concept}': {answer!r} is not one of "
                    f"{', '.join(ANSWERS)}"
                )
    return body


def read_annotations(path: Path) -> dict[str, AnnotatedReports]:
    """Return the reports of every concept.

    Args:
        path: a JSON file, concept -> 'positive' and 'negative' -> ids; or a folder with a file
            ``<concept>/<report id>.txt`` for every answer, 'yes' or 'no'.

    Raises:
        DatasetError: it is missing or of another form, or a report is on both sides.
    """
    if path.is_dir():
        return {folder.name: _answered(folder) for folder in sorted(path.iterdir())}
    body = _object(read_json(path), f"{path}", "concepts")
    return {name: _annotated(sides, f"{path}: concept '{name}'") for name, sides in body.items()}


def drawn_reports(reports: AnnotatedReports, most: int, concept: str) -> AnnotatedReports:
    """Draw at most so many reports of a concept, both sides together, in their order.

    Fewer are always among more. The released files are made of reports close to a question and as
    many others (Yang et al., NeurIPS 2024, appendix B.3), in an order that says no more which are
    which; a draw keeps the two in balance, the first ones might not.
    """
    together = [*reports.positive, *reports.negative]
    order = random.Random(seed_from("reports", concept)).sample(together, len(together))
    kept = set(order[:most])
    return AnnotatedReports(
        positive=tuple(report for report in reports.positive if report in kept),
        negative=tuple(report for report in reports.negative if report in kept),
    )


def read_report_images(path: Path) -> dict[str, tuple[str, ...]]:
    """Return report id -> ids of its pictures, of radiographs only the frontal ones.

    Each entry of the file has ``images``: ids, or pairs of an id and a view.

    Raises:
        DatasetError: the file is missing or of another form.
    """
    body = _object(read_json(path), f"{path}", "reports")
    return {name: _images(entry, f"{path}: report '{name}'") for name, entry in body.items()}


def annotated_pictures(
    ids: Sequence[str],
    annotations: Mapping[str, AnnotatedReports],
    images: Mapping[str, tuple[str, ...]],
) -> dict[str, AnnotatedPictures]:
    """Return the places in ``ids`` of the pictures of every concept, in the order of its reports.

    Pictures of a report that are not among ``ids`` are passed over.

    Args:
        images: report id -> ids of its pictures.

    Raises:
        DatasetError: a report is not in ``images``.
    """
    place = {name: number for number, name in enumerate(ids)}

    def places(reports: tuple[str, ...], concept: str) -> list[int]:
        unknown = [report for report in reports if report not in images]
        if unknown:
            raise DatasetError(
                f"annotations of '{concept}': {len(unknown)} reports are not in the metadata, "
                f"first of all '{unknown[0]}'"
            )
        named = (image for report in reports for image in images[report])
        return [place[image] for image in named if image in place]

    return {
        concept: AnnotatedPictures(
            positive=places(reports.positive, concept), negative=places(reports.negative, concept)
        )
        for concept, reports in annotations.items()
    }


def _object(value: Any, where: str, of: str) -> dict[str, Any]:
    if not isinstance(value, dict) or not value:
        raise DatasetError(f"{where}: not a JSON object of {of}, or an empty one")
    return value


def _annotated(sides: Any, where: str) -> AnnotatedReports:
    if not isinstance(sides, dict) or set(sides) != {"positive", "negative"}:
        raise DatasetError(f"{where}: not an object with exactly 'positive' and 'negative'")
    found = AnnotatedReports(
        positive=_ids(sides["positive"], where), negative=_ids(sides["negative"], where)
    )
    both = set(found.positive) & set(found.negative)
    if both:
        raise DatasetError(f"{where}: report '{min(both)}' is on both sides")
    return found


def _ids(value: Any, where: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise DatasetError(f"{where}: not a list of ids")
    return tuple(value)


def _answered(folder: Path) -> AnnotatedReports:
    sides: dict[str, list[str]] = {"yes": [], "no": []}
    for file in sorted(folder.glob("*.txt")):
        try:
            answer = file.read_text(encoding="utf-8").strip().lower()
        except (OSError, UnicodeDecodeError) as error:
            raise DatasetError(f"{file}: cannot be read ({error})") from error
        if answer not in sides:
            raise DatasetError(f"{file}: holds {answer[:20]!r}, neither 'yes' nor 'no'")
        sides[answer].append(file.stem)
    return AnnotatedReports(positive=tuple(sides["yes"]), negative=tuple(sides["no"]))


def _images(entry: Any, where: str) -> tuple[str, ...]:
    images = _object(entry, where, "fields").get("images")
    if not isinstance(images, list):
        raise DatasetError(f"{where}: has no list 'images'")
    kept = []
    for image in images:
        match image:
            case str():
                kept.append(image)
            case [str() as name, str() as view]:
                kept += [name] * (view in FRONTAL)
            case _:
                raise DatasetError(f"{where}: {image!r} is neither an id nor an id and a view")
    return tuple(kept)
