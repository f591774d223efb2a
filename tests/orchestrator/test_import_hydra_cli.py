"""``xenograft import hydra``: what is printed, written and refused."""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hydra_samples import save, saved_config, words

from orchestrator.cli import main
from orchestrator.commands import run as run_verbs
from orchestrator.selection import Selection

Said = tuple[int, str, str]
Command = Callable[..., Said]
PAGE = Path(__file__).parents[2] / "docs" / "import.md"


@pytest.fixture
def xenograft(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Run the command line in this process; return its exit code, output and errors."""
    monkeypatch.chdir(tmp_path)

    def command(*arguments: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["xenograft", *arguments])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return command


def test_the_file_written_and_the_command_printed_select_the_same(
    xenograft: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Selection] = []
    monkeypatch.setattr(run_verbs, "run_selection", lambda selection, _: seen.append(selection))
    code, out, _ = xenograft("import", "hydra", *words(model__optimizer__lr="0.1"))
    assert code == 0
    printed = out.splitlines()[-1].removeprefix("next: ")
    assert xenograft(*shlex.split(printed)[1:])[0] == 0
    file = ["run", "medvlsm", "--selection", "hydra.selection.json", "--gpus-per-worker", "1"]
    assert xenograft(*file)[0] == 0
    assert seen[0] == seen[1]
    assert seen[0].overrides == {"optimizer.lr": "0.1"}


def test_the_page_shows_the_command_that_is_printed(xenograft: Command) -> None:
    lines = PAGE.read_text().splitlines()
    (shown,) = [line for line in lines if re.match(r"xenograft import hydra \S+=?", line)]
    _, out, _ = xenograft(*shlex.split(shown)[1:], "--json")
    assert json.loads(out)["command"] in lines


def test_every_override_is_a_line_of_the_table(xenograft: Command) -> None:
    _, out, _ = xenograft("import", "hydra", *words(), "--output", "mine.json")
    assert Path("mine.json").is_file()
    for key in ("experiment_name", "trainer.devices", "prompt_type"):
        assert re.search(rf"^ *{re.escape(key)} ", out, re.MULTILINE)


def test_a_refused_command_leaves_nothing(xenograft: Command, tmp_path: Path) -> None:
    code, out, err = xenograft("import", "hydra", *words(prompt_typ="p1", debug="x"))
    assert (code, out) == (2, "")
    assert "prompt_typ: there is no such key. Did you mean 'prompt_type'" in err
    assert list(tmp_path.iterdir()) == []


def test_the_file_that_is_imported_is_not_written_over(xenograft: Command, tmp_path: Path) -> None:
    file = save(tmp_path, saved_config()) / ".hydra" / "config.yaml"
    before = file.read_bytes()
    code, _, err = xenograft("import", "hydra", str(file), "--output", str(file))
    assert code == 2
    assert "is the file to import: name another" in err
    assert file.read_bytes() == before


def test_a_text_too_long_for_a_name_of_a_file_is_an_override(xenograft: Command) -> None:
    code, _, err = xenograft("import", "hydra", *words(override_prompt="a polyp " * 100))
    assert (code, "Traceback" in err) == (0, False)
