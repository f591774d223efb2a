"""The documentation builds as a site, with its reference, and loads nothing from elsewhere."""

from __future__ import annotations

import html.parser
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from trainables.registry import TRAINABLES

ROOT = Path(__file__).parents[1]

pytest.importorskip("mkdocs", reason="the extra 'docs' is not installed")


class _Loaded(html.parser.HTMLParser):
    """Collect what a browser fetches by itself: scripts, styles, pictures, frames; no links."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        # A canonical address or that of the next page is for reading, not for loading.
        if tag == "link" and given.get("rel") not in ("stylesheet", "preconnect", "icon"):
            return
        address = given.get("href") if tag == "link" else given.get("src")
        if address and tag != "a":
            self.addresses.append(address)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built once; a broken link or an unknown name ends the build."""
    folder = tmp_path_factory.mktemp("docs") / "site"
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet"]
    done = subprocess.run(
        [*command, "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def _leaves(nav: list[dict[str, Any]]) -> Iterator[str]:
    for item in nav:
        for value in item.values():
            yield from [value] if isinstance(value, str) else _leaves(value)


def test_every_page_is_in_the_navigation_once() -> None:
    nav = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]
    pages = (ROOT / "docs").rglob("*.md")
    assert sorted(_leaves(nav)) == sorted(str(page.relative_to(ROOT / "docs")) for page in pages)


def test_every_trainable_has_its_config_in_the_reference() -> None:
    text = (ROOT / "docs" / "reference" / "configs.md").read_text(encoding="utf-8")
    named = dict(re.findall(r"^## (\w+)\n\n::: (\S+)$", text, re.MULTILINE))
    assert named == dict(TRAINABLES)


@pytest.mark.integration
def test_every_page_is_in_the_site(site: Path) -> None:
    pages = (ROOT / "docs").rglob("*.md")
    names = [page.relative_to(ROOT / "docs").with_suffix(".html") for page in pages]
    assert [str(name) for name in names if not (site / name).is_file()] == []


@pytest.mark.integration
def test_the_site_loads_nothing_from_elsewhere(site: Path) -> None:
    loaded = 0
    for page in site.rglob("*.html"):
        parser = _Loaded()
        parser.feed(page.read_text(encoding="utf-8"))
        loaded += len(parser.addresses)
        assert [a for a in parser.addresses if a.startswith(("http", "//"))] == [], page.name
    assert loaded > 50
    for sheet in site.rglob("*.css"):
        assert "url(http" not in sheet.read_text(encoding="utf-8"), sheet.name


@pytest.mark.integration
@pytest.mark.parametrize(
    ("page", "name"),
    [
        ("studies", "search_spaces.study.Study"),
        ("studies", "search_spaces.figures.FactorCurves"),
        ("trainables", "trainables.config.DataRef"),
        ("trainables", "trainables.context.Context.report"),
        ("trainables", "trainables.errors.did_you_mean"),
        ("cards", "trainables.data.card.DataCard"),
        ("cards", "trainables.models.card.BackboneCard"),
        ("studies", "search_spaces.compare.Compare"),
        ("configs", "trainables.engine.config.OptimizerConfig"),
        ("orchestrator", "orchestrator.report.Findings"),
        ("orchestrator", "orchestrator.plan.make_plan"),
        ("cluster", "cluster.spec.ClusterSpec"),
        ("cluster", "cluster.launcher.Launcher"),
    ],
)
def test_the_reference_has_the_public_contract(site: Path, page: str, name: str) -> None:
    text = (site / "reference" / f"{page}.html").read_text(encoding="utf-8")
    assert f'id="{name}"' in text
