"""Pictures that final trials left in the tracking store, fetched into the report's folder."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.report.file_name import file_name
from orchestrator.report.results import CellResult, StudyResults, TrialResult
from search_spaces.study import Study
from trainables.errors import TrackingError
from trainables.segmentation.file_names import GALLERY, LISTING

GALLERIES = "galleries"
"""Folder of the report that holds a folder per cell, and a page per experiment."""

_MOST_CELLS = 6
"""Of an experiment in the report's page; with three pictures each they make it half a MB larger."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GalleryPicture:
    """One case with its outlines.

    Args:
        path: where the picture is now.
        file: the same, from the folder of galleries.
        kind: best, median or worst.
        structure: what was to be segmented.
        prompt: the text that said so; empty where none was read.
        words: for those who do not see it.
    """

    path: Path
    file: str
    kind: str
    case: str
    structure: str
    prompt: str
    dice: float
    words: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CellGallery:
    """The pictures of one replicate of a cell.

    Args:
        replicate: index of the replicate; the first that has a gallery stands for its cell.
        cases: how many cases were tested.
        nothing_to_draw: how many of them have nothing in truth and prediction.
    """

    title: str
    labels: tuple[str, ...]
    replicate: int
    pictures: tuple[GalleryPicture, ...]
    cases: int
    nothing_to_draw: int

    @property
    def first_of_each_kind(self) -> list[GalleryPicture]:
        """The best case, the first of those around the median, and the worst."""
        return list({picture.kind: picture for picture in reversed(self.pictures)}.values())[::-1]


@dataclass(frozen=True, kw_only=True, slots=True)
class ExperimentGallery:
    """The galleries of an experiment's cells; ``file`` is the page that has all of them."""

    title: str
    file: str
    cells: tuple[CellGallery, ...]

    @property
    def sample(self) -> list[CellGallery]:
        """Cells for the report's page, spread evenly over all of them."""
        n = len(self.cells)
        if n <= _MOST_CELLS:
            return list(self.cells)
        return [self.cells[k * (n - 1) // (_MOST_CELLS - 1)] for k in range(_MOST_CELLS)]


def fetch_galleries(results: StudyResults, study: Study, folder: Path) -> list[ExperimentGallery]:
    """Fetch what ``folder`` does not hold yet; a cell is shown in its first experiment.

    Raises:
        TrackingError: a gallery is there and cannot be fetched, or is damaged.
    """
    found: defaultdict[str, list[CellGallery]] = defaultdict(list)
    for cell in results.cells:
        with_gallery = [trial for trial in cell.replicates if trial.gallery]
        if not with_gallery or not cell.places:
            continue
        gallery = _fetch(results, study, cell, with_gallery[0], folder)
        if gallery is not None:
            found[cell.places[0].experiment].append(gallery)
    titles = {experiment.name: experiment.title for experiment in study.experiments}
    return [
        ExperimentGallery(
            title=titles.get(name, name),
            file=f"{GALLERIES}/{file_name(name)}.html",
            cells=tuple(cells),
        )
        for name, cells in sorted(found.items(), key=lambda item: _rank(titles, item[0]))
    ]


def _rank(titles: Mapping[str, str], name: str) -> int:
    return list(titles).index(name) if name in titles else len(titles)


def _fetch(
    results: StudyResults, study: Study, cell: CellResult, trial: TrialResult, folder: Path
) -> CellGallery | None:
    """Return a cell's gallery, None where it was taken out of the store since, or is empty.

    A complete run's pictures never change, so a folder that is there is not fetched again.
    """
    # The run's id: a cell that is planned again has another.
    target = folder / f"{file_name(cell.name)}-{trial.run_id[:8]}"
    if not target.is_dir() and not results.fetch_folder(trial.run_id, GALLERY, target):
        return None
    try:
        listing = json.loads((target / LISTING).read_text(encoding="utf-8"))
        title = _title(study, cell)
        gallery = CellGallery(
            title=title,
            labels=cell.labels,
            replicate=trial.index,
            pictures=tuple(_pictures(listing, target, title)),
            cases=int(listing["cases"]),
            nothing_to_draw=int(listing["nothing_to_draw"]),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise TrackingError(
            f"the gallery of run {trial.run_id} is damaged ({LISTING}: {error}). Delete "
            f"{target}, and the artifact folder '{GALLERY}' of the run if that does not help."
        ) from error
    return gallery if gallery.pictures else None


def _pictures(listing: Mapping[str, Any], folder: Path, title: str) -> Iterator[GalleryPicture]:
    for item in listing["pictures"]:
        path = folder / Path(item["file"]).name
        if not path.is_file():
            raise ValueError(f"there is no {path.name}")
        dice = float(item["dice"])
        prompt = str(item["prompt"])
        words = f"{item['kind']} case of {title}: {item['class']}, Dice {dice:.3f}"
        yield GalleryPicture(
            path=path,
            file=f"{folder.name}/{path.name}",
            kind=str(item["kind"]),
            case=str(item["case"]),
            structure=str(item["class"]),
            prompt=prompt,
            dice=dice,
            words=f"{words}; prompt: {prompt}" if prompt else words,
        )


def _title(study: Study, cell: CellResult) -> str:
    """Return the titles of the cell's levels."""
    place = cell.places[0]
    # A table that the study no longer has may still be in the store: its levels have no titles.
    tables = [table for table in study.experiments if table.name == place.experiment]
    factors = {factor.name: factor for table in tables for factor in table.factors}
    return ", ".join(
        factors[name].title(level) if name in factors else level
        for name, level in place.levels.items()
    )
