"""The page in a real browser: accessible, within the window, and whole on paper."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from report_sample import delivered, study

from orchestrator.report import Findings, build_report, load_study_results

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(shutil.which("chromium") is None, reason="needs chromium"),
]
playwright = pytest.importorskip("playwright.sync_api")
axe_core_python = pytest.importorskip("axe_core_python")

WIDTHS = {"desktop": 1280, "phone": 400}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as running:
        yield running.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("page")
    results = load_study_results(delivered(), "grafts")
    paths = build_report(Findings(results=results, study=study()), folder)
    return paths[0].as_uri()


def opened(browser: Any, address: str, width: int, scheme: str) -> Any:
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.goto(address)
    page.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
    return page


@pytest.mark.parametrize(("device", "scheme"), [("desktop", "light"), ("phone", "dark")])
def test_axe_finds_nothing_to_complain_of(
    browser: Any, address: str, device: str, scheme: str
) -> None:
    page = opened(browser, address, WIDTHS[device], scheme)
    page.evaluate((Path(axe_core_python.__file__).parent / "axe.min.js").read_text())
    found = page.evaluate("axe.run(document)")["violations"]
    assert [(v["id"], [node["html"] for node in v["nodes"]]) for v in found] == []


@pytest.mark.parametrize("width", WIDTHS.values())
def test_only_tables_scroll_sideways(browser: Any, address: str, width: int) -> None:
    page = opened(browser, address, width, "light")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    wide = page.evaluate(
        "[...document.querySelectorAll('body *')].filter(e => !e.closest('.scroll') "
        "&& !e.closest('svg') && e.getBoundingClientRect().right > innerWidth + 1).length"
    )
    assert wide == 0


def test_on_paper_folded_parts_are_open_and_light(browser: Any, address: str) -> None:
    page = browser.new_page(color_scheme="dark")
    page.goto(address)
    shown = "document.querySelector('details.verdicts table').checkVisibility()"
    background = "getComputedStyle(document.body).backgroundColor"
    white = "rgb(255, 255, 255)"
    assert page.evaluate(shown) is False
    assert page.evaluate(background) != white
    page.emulate_media(media="print")
    assert page.evaluate(shown) is True
    assert page.evaluate(background) == white
