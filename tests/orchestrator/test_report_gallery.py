"""Pictures that trials left: in the report's page, on pages of their own, fetched once."""

from __future__ import annotations

import base64
import dataclasses
import json
import shutil
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import gallery_sample
import pytest
import report_sample

from orchestrator.report import Findings, build_report, load_study_results
from orchestrator.report.galleries import ExperimentGallery, fetch_galleries
from orchestrator.report.results import StudyResults
from trainables.errors import TrackingError
from trainables.segmentation.overlay import MAX_BYTES

SHOWN = ("p0", "p1", "p2", "p4", "p5", "p7")


class Images(HTMLParser):
    """Collects images, and what elements there are."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[dict[str, str]] = []
        self.elements: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        if tag == "img":
            self.found.append({name: value or "" for name, value in attrs})


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> StudyResults:
    return load_study_results(gallery_sample.delivered(tmp_path_factory.mktemp("run")), "made")


@pytest.fixture(scope="module")
def folder(results: StudyResults, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    build_report(Findings(results=results, study=gallery_sample.study()), folder)
    return folder


def galleries(results: StudyResults, folder: Path) -> list[ExperimentGallery]:
    return fetch_galleries(results, gallery_sample.study(), folder / "galleries")


def test_the_page_holds_one_picture_of_each_kind_of_cells_spread_over_all(folder: Path) -> None:
    images = Images((folder / "report.html").read_text()).found
    told = [(i["alt"].split(" case of ")[0], i["alt"].split(": ")[0][-2:]) for i in images[:18]]
    assert told == [(kind, cell) for cell in SHOWN for kind in ("best", "median", "worst")]
    assert [i["alt"].split(":")[0] for i in images[18:]] == [
        f"{kind} case of cris" for kind in ("best", "median", "worst")
    ]
    for image in images:
        kind, encoded = image["src"].split(",")
        assert kind == "data:image/png;base64"
        assert len(base64.b64decode(encoded)) <= MAX_BYTES


def test_the_page_says_how_many_cells_more_there_are_and_where(folder: Path) -> None:
    page = (folder / "report.html").read_text()
    more = '<a href="galleries/finetune.html">All pictures, and those of 2 more cells</a>'
    assert more in page
    assert '<a href="galleries/pooled.html">All pictures</a>' in page


def test_the_page_of_an_experiment_links_every_picture(folder: Path) -> None:
    page = folder / "galleries" / "finetune.html"
    images = Images(page.read_text()).found
    files = {page.parent / unquote(i["src"]) for i in images}
    assert len(files) == len(images) == 9 * len(gallery_sample.PROMPTS)
    assert all(file.is_file() for file in files)


def test_texts_of_users_stay_texts(folder: Path) -> None:
    page = Images((folder / "galleries" / "pooled.html").read_text())
    assert "b" not in page.elements
    expected = 'best case of cris: polyp, Dice 0.918; prompt: a <b>round</b> "1" polyp & nothing '
    assert page.found[0]["alt"] == expected + "else"


def test_names_of_pictures_stay_in_the_storage(folder: Path) -> None:
    for page in (folder / "report.html", folder / "galleries" / "pooled.html"):
        assert "case_01" not in page.read_text()


def test_a_picture_stands_beside_what_it_was_made_on(folder: Path) -> None:
    page = (folder / "galleries" / "pooled.html").read_text()
    assert '<span class="badge synthetic">' in page
    assert '<span class="badge twin">' in page


def test_a_study_without_pictures_has_no_gallery(tmp_path: Path) -> None:
    results = load_study_results(report_sample.delivered(), "grafts")
    page, *_ = build_report(Findings(results=results, study=report_sample.study()), tmp_path)
    assert 'id="gallery"' not in page.read_text()
    assert not (tmp_path / "galleries").exists()


def test_pictures_that_are_there_are_not_fetched_again(results: StudyResults, folder: Path) -> None:
    def refuse(run_id: str, name: str, target: Path) -> bool:
        raise AssertionError(f"{name} of {run_id} fetched again to {target}")

    again = dataclasses.replace(results, fetch_folder=refuse)
    assert galleries(again, folder) == galleries(results, folder)


def test_pictures_deleted_from_the_store_are_not_shown(
    results: StudyResults, tmp_path: Path
) -> None:
    gone = results.cells[0].replicates[0].run_id

    def without_one(run_id: str, name: str, target: Path) -> bool:
        return run_id != gone and results.fetch_folder(run_id, name, target)

    shown = galleries(dataclasses.replace(results, fetch_folder=without_one), tmp_path)
    assert [len(experiment.cells) for experiment in shown] == [7, 1]


def test_the_store_says_that_a_folder_is_not_there(results: StudyResults, tmp_path: Path) -> None:
    run = results.cells[0].replicates[0].run_id
    assert not results.fetch_folder(run, "nothing", tmp_path / "target")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "damage",
    [
        "no json",
        "[]",
        "{}",
        '{"pictures": [{}], "cases": 1, "nothing_to_draw": 0}',
        '{"pictures": [{"file": "../../report.html", "kind": "best"}], "cases": 1}',
        '{"pictures": 3, "cases": 1, "nothing_to_draw": 0}',
        '{"pictures": [], "cases": null, "nothing_to_draw": 0}',
    ],
)
def test_a_damaged_listing_is_named_with_its_run(
    results: StudyResults, folder: Path, tmp_path: Path, damage: str
) -> None:
    shutil.copytree(folder / "galleries", tmp_path / "galleries")
    (victim,) = (tmp_path / "galleries").glob("pooled_cris-*")
    (victim / "gallery.json").write_text(damage)
    run = next(cell for cell in results.cells if cell.name == "pooled/cris").replicates[0].run_id
    with pytest.raises(TrackingError, match=f"gallery of run {run} is damaged"):
        galleries(results, tmp_path)


def test_a_listing_cannot_name_files_elsewhere(
    results: StudyResults, folder: Path, tmp_path: Path
) -> None:
    shutil.copytree(folder / "galleries", tmp_path / "galleries")
    (victim,) = (tmp_path / "galleries").glob("pooled_cris-*")
    listing = json.loads((victim / "gallery.json").read_text())
    listing["pictures"][0]["file"] = "../elsewhere/best_1.png"
    (victim / "gallery.json").write_text(json.dumps(listing))
    (pooled,) = galleries(results, tmp_path)[1].cells
    assert pooled.pictures[0].path == victim / "best_1.png"
