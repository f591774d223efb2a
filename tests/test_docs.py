"""The documentation holds: links lead somewhere, commands parse, the worked example runs."""

from __future__ import annotations

import csv
import itertools
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from cluster.cli import app
from orchestrator.plan import make_plan
from orchestrator.selection import Selection
from trainables.context import Locations

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
PAGES += sorted((ROOT / "docs").glob("*.md"))
EXAMPLE = ROOT / "docs" / "adding-a-study.md"
MODULE = "studies.two_families"

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def _blocks(page: Path, language: str = r"\w*") -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)


def _prose(page: Path) -> str:
    return re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)


def _spans(page: Path) -> list[str]:
    return re.findall(r"`([^`\n]+)`", _prose(page))


def _anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", _prose(page), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def _commands(lines: list[str]) -> Iterator[list[str]]:
    """Yield the words after ``xenograft`` of every line that runs it."""
    for line in lines:
        match = re.match(r"(?:[\w./]*/)?xenograft ([a-z].*)", line.strip())
        if match:
            yield shlex.split(match[1], comments=True)


def _verb(page: Path, words: list[str]) -> tuple[Any, list[str]]:
    """Return the command that words call, a verb of a group too, and its arguments."""
    command: Any = typer.main.get_command(app)
    while words and words[0] in getattr(command, "commands", {}):
        command, words = command.commands[words[0]], words[1:]
    assert command.name != "xenograft", f"{page.name}: xenograft {shlex.join(words)}"
    # What the shell redirects is no argument.
    return command, list(itertools.takewhile(lambda word: word != ">", words))


@every_page
def test_relative_links_lead_to_a_file_and_a_heading(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", _prose(page)):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), f"{page.name}: {link}"
        assert not anchor or anchor in _anchors(target), f"{page.name}: {link}"


@every_page
def test_files_that_are_named_exist(page: Path) -> None:
    folders = r"(?:benchmarks|cluster|docs|orchestrator|search_spaces|tests|trainables)"
    for span in _spans(page):
        for name in re.findall(rf"(?:^|\s)({folders}/[\w./-]*)(?:\s|$)", span):
            assert (ROOT / name).exists(), f"{page.name}: `{span}`"


def test_commands_are_found_in_blocks_and_in_sentences() -> None:
    readme = ROOT / "README.md"
    in_blocks = [command[0] for command in _commands("\n".join(_blocks(readme)).splitlines())]
    assert {"ls", "plan", "run", "resume", "report"} <= set(in_blocks)
    assert "run" in [command[0] for command in _commands(_spans(readme))]


@every_page
def test_commands_in_blocks_are_understood_by_the_command_line(page: Path) -> None:
    for words in _commands("\n".join(_blocks(page)).splitlines()):
        command, arguments = _verb(page, words)
        command.make_context(command.name, arguments)  # raises on an unknown option or value


@every_page
def test_commands_in_sentences_name_verbs_and_options_that_exist(page: Path) -> None:
    for words in _commands(_spans(page)):
        command, arguments = _verb(page, words)
        known = {option for parameter in command.params for option in parameter.opts}
        asked = {argument for argument in arguments if argument.startswith("-")}
        assert asked <= known, f"{page.name}: xenograft {shlex.join(words)}: {asked - known}"


@pytest.fixture
def example_folder(tmp_path: Path) -> Path:
    """A folder with the page's study in it, as the page says to save it."""
    (code,) = (block for block in _blocks(EXAMPLE, "python") if "STUDY = " in block)
    module = tmp_path / (MODULE.replace(".", "/") + ".py")
    module.parent.mkdir()
    module.write_text(code)
    return tmp_path


def test_the_example_study_plans_as_its_page_says(
    example_folder: Path, locations: Locations, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(example_folder)
    plan = make_plan(Selection(study=MODULE), locations)
    plan.require_runnable()
    assert plan.skipped == {}
    assert [len(cell.places) for cell in plan.cells] == [2, 2]
    assert sum(cell.search_trials + cell.budget.replicates for cell in plan.cells) == 10


@pytest.mark.integration
@pytest.mark.timeout(180)
def test_the_commands_of_the_example_page_work_as_written(example_folder: Path) -> None:
    script = "\n".join(_blocks(EXAMPLE, "bash"))
    assert MODULE in script
    programs = Path(sys.executable).parent
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=example_folder,
        env={**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    report = example_folder / "xenograft_runs" / "two_families" / "report"
    assert (report / "report.html").exists()
    with (report / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len({row["place"] for row in rows}) == len(rows) == 4
    assert {row["n"] for row in rows} == {"2"}
