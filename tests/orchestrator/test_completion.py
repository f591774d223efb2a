"""Tab and typing mistakes: what the shell is offered, what a wrong word is answered with."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from cluster.cli import app, main

Ask = Callable[[str], list[str]]


@pytest.fixture
def offered(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ask:
    """Ask the command line, as fish would, what could stand where a line ends."""

    def ask(line: str) -> list[str]:
        monkeypatch.setenv("_XENOGRAFT_COMPLETE", "complete_fish")
        monkeypatch.setenv("_TYPER_COMPLETE_ARGS", line)
        monkeypatch.setenv("_TYPER_COMPLETE_FISH_ACTION", "get-args")
        with pytest.raises(SystemExit):
            typer.main.get_command(app).main(args=[], prog_name="xenograft")
        return [word.partition("\t")[0] for word in capsys.readouterr().out.split("\n") if word]

    return ask


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("xenograft re", ["resume", "report"]),
        ("xenograft run feat", ["feature_reuse"]),
        ("xenograft status dem", ["demo"]),
        ("xenograft show sett", ["settings"]),
        ("xenograft doctor en", ["env"]),
        ("xenograft prepare aptos", ["aptos2019"]),
        ("xenograft plan demo --only weig", ["weights=imagenet", "weights=random"]),
        ("xenograft plan demo --only weights=i", ["weights=imagenet"]),
        ("xenograft plan demo --only method=knn,f", ["method=knn,fine_tune"]),
        ("xenograft plan demo --only exp", ["experiment=transfer"]),
        ("xenograft plan demo --set optimizer.lr", ["optimizer.lr="]),
        ("xenograft plan nope --only weig", []),
        ("xenograft plan nope --set opt", []),
    ],
)
def test_tab_offers_what_fits(offered: Ask, line: str, words: list[str]) -> None:
    assert [word for word in offered(line) if not word.endswith("_twin")] == words


def test_levels_that_are_named_are_not_offered_again(offered: Ask) -> None:
    assert offered("xenograft plan demo --only method=knn,") == [
        "method=knn,fine_tune",
        "method=knn,linear_probe",
    ]


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("reprot", "Did you mean 'report'"),
        ("cluster uop", "Did you mean 'up'"),
        ("import domainbd logs", "Did you mean 'import domainbed'"),
        ("run demo --replicats 3", "--replicates"),
        ("plan demo --recipe papper", "'paper', 'search'"),
        ("show settigns", "Did you mean 'settings'"),
        ("doctor fundsu", "Did you mean 'fundus'"),
        ("plan demo --only methd=knn", "Did you mean 'method'"),
        ("plan demo --only method=kn", "Did you mean 'knn'"),
        ("plan demo --set optimizer.lrr=1", "Did you mean 'optimizer.lr'"),
    ],
)
def test_a_mistyped_word_is_answered_with_the_near_one(
    line: str,
    answer: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["xenograft", *line.split()])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    assert answer in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
