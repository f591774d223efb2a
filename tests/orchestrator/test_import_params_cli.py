"""``xenograft import`` and ``--selection``: what is printed, written and refused."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from params_samples import changed, feature_reuse_params

from orchestrator.cli import main
from orchestrator.commands import run as run_verbs
from orchestrator.selection import Selection
from orchestrator.selection_file import read_selection, write_selection
from trainables.errors import ConfigError, SelectionError

TOY = "toy_package.study"


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str


Command = Callable[..., Said]


@pytest.fixture
def xenograft(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Run the command line in this process, in a folder with a params.json."""
    monkeypatch.chdir(tmp_path)
    Path("params.json").write_text(json.dumps(feature_reuse_params()))

    def command(*arguments: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["xenograft", *arguments])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
        captured = capsys.readouterr()
        return Said(code=code, out=captured.out, err=captured.err)

    return command


@pytest.fixture
def selections(monkeypatch: pytest.MonkeyPatch) -> list[Selection]:
    """Take note of what ``run`` is asked for, and run nothing."""
    seen: list[Selection] = []
    monkeypatch.setattr(run_verbs, "run_selection", lambda selection, _: seen.append(selection))
    return seen


def test_the_file_written_and_the_command_printed_select_the_same(
    xenograft: Command, selections: list[Selection]
) -> None:
    said = xenograft("import", "params.json")
    assert said.code == 0, said
    printed = said.out.splitlines()[-1].removeprefix("next: ")
    assert xenograft(*shlex.split(printed)[1:]).code == 0
    from_file = ["run", "feature_reuse", "--selection", "params.selection.json"]
    assert xenograft(*from_file, "--gpus-per-worker", "1").code == 0
    assert selections[0] == selections[1]
    assert selections[0].overrides["optimizer.name"] == "adam"


def test_the_page_shows_the_command_that_is_printed(xenograft: Command) -> None:
    command = json.loads(xenograft("import", "params.json", "--json").out)["command"]
    page = Path(__file__).parents[2] / "docs" / "import.md"
    assert command in page.read_text().splitlines()


def test_every_key_is_a_line_of_the_table(xenograft: Command) -> None:
    said = xenograft("import", "params.json", "--output", "mine.json")
    assert Path("mine.json").exists()
    for key in ("dataset_params.dataset", "lr_finder.type", "training_params.val_every"):
        assert key in said.out
    assert "model=deit_s" in said.out


def test_json_has_the_same(xenograft: Command) -> None:
    said = xenograft("import", "params.json", "--json")
    shown = json.loads(said.out)
    assert shown["selection"] == json.loads(Path("params.selection.json").read_text())
    assert shown["command"].startswith("xenograft run feature_reuse --only experiment=main")
    assert {"key", "value", "became"} == set(shown["keys"][0])


def test_a_warning_goes_to_standard_error(xenograft: Command) -> None:
    params = changed(feature_reuse_params(), training_params__epochs=2)
    Path("params.json").write_text(json.dumps(params))
    said = xenograft("import", "params.json", "--json")
    assert said.code == 0
    assert said.err.startswith("warning: training_params.epochs = 2")
    assert len(json.loads(said.out)["warnings"]) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["import", "none.json"], "none.json: cannot be read"),
        (["import", "params.json", "--output", "params.json"], "is the file to import"),
        (["import", "params.json", "--output", "no/x.json"], "no/x.json: cannot be written: No"),
        (["plan", TOY, "--selection", "none.json"], "--selection none.json: cannot be read"),
        (["plan", TOY, "--selection", "toy.json", "--set", "x=1"], "leave out --set"),
        (["plan", TOY, "--selection", "toy.json", "--twin"], "leave out --twin"),
        (["plan", TOY, "--selection", "toy.json", "--sampler", "qmc"], "leave out --sampler"),
        (["plan", "demo", "--selection", "toy.json"], f"is of study '{TOY}', not of 'demo'"),
    ],
)
def test_wrong_requests_are_one_message(
    xenograft: Command, arguments: list[str], message: str
) -> None:
    write_selection(Path("toy.json"), Selection(study=TOY))
    said = xenograft(*arguments)
    assert said.code == 2
    assert message in said.err
    assert "Traceback" not in said.err


def test_a_refused_file_leaves_nothing(xenograft: Command, tmp_path: Path) -> None:
    params = changed(feature_reuse_params(), training_params__epochz=2)
    Path("params.json").write_text(json.dumps(params))
    assert xenograft("import", "params.json").code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["params.json"]


def test_plan_takes_a_selection_from_a_file(xenograft: Command) -> None:
    chosen = Selection(study=TOY, only={"experiment": ("main",), "name": ("a",)}, replicates=1)
    write_selection(Path("toy.json"), chosen)
    from_file = json.loads(xenograft("plan", TOY, "--selection", "toy.json", "--json").out)
    from_options = json.loads(xenograft("plan", *chosen.to_arguments(), "--json").out)
    assert from_file == from_options


def test_a_selection_survives_its_file(tmp_path: Path) -> None:
    chosen = Selection(
        study=TOY, only={"name": ("a", "b")}, recipe="paper", overrides={"x": "0.5"}, smoke=True
    )
    write_selection(tmp_path / "s.json", chosen)
    assert read_selection(tmp_path / "s.json", TOY) == chosen


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "s.json: is not JSON"),
        ("[]", "s.json: must be a JSON object"),
        ({"only": {}}, "s.json: Selection needs study"),
        ({"study": TOY, "onyl": {}}, "no key 'onyl'. Did you mean 'only'"),
        ({"study": TOY, "only": ["a"]}, "Selection.only: "),
        ({"study": TOY, "recipe": "best"}, "Selection.recipe: "),
        ({"study": TOY, "replicates": 0}, "--replicates must be at least 1"),
        ({"study": TOY, "overrides": {"x": [1]}}, "Selection.overrides: "),
    ],
)
def test_a_file_that_is_no_selection_is_refused(tmp_path: Path, content: Any, message: str) -> None:
    file = tmp_path / "s.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(ConfigError, match=message):
        read_selection(file, TOY)


def test_a_selection_of_another_study_is_refused(tmp_path: Path) -> None:
    write_selection(tmp_path / "s.json", Selection(study="demo"))
    with pytest.raises(SelectionError, match="is of study 'demo', not of"):
        read_selection(tmp_path / "s.json", TOY)
