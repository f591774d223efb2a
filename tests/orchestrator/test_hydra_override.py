"""Words of Hydra's command line and YAML of its runs: what they stand for, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator.import_hydra.given import read_given
from orchestrator.import_hydra.override import parse_override
from orchestrator.import_hydra.yaml_file import read_yaml
from trainables.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3), ("-3", -3), ("2e-5", 2e-5), ("2.0e-3", 0.002), (".5", 0.5), ("1.", 1.0),
        ("null", None), ("True", True), ("false", False), ("yes", "yes"), ("p1", "p1"),
        ("16-mixed", "16-mixed"), ("'a, b'", "a, b"), ('"it\\"s"', 'it"s'), ("", ""), ("''", ""),
        ("[]", []), ("[0,1]", [0, 1]), ("[[1, 2], 'x,y', null]", [[1, 2], "x,y", None]),
        ("a=b", "a=b"), ("logs/run 1", "logs/run 1"), ("9" * 5000, "9" * 5000),
    ],
)  # fmt: skip
def test_a_value_is_what_hydra_reads(text: str, value: Any) -> None:
    assert parse_override(f"key={text}") == ("key", value)
    assert type(parse_override(f"key={text}")[1]) is type(value)


@pytest.mark.parametrize("text", ["a.b=1", "+a.b=1", "++a.b=1", " a.b = 1 "])
def test_adding_a_key_is_setting_it(text: str) -> None:
    assert parse_override(text) == ("a.b", 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("~logger", "taking a key away"),
        ("~logger=x", "taking a key away"),
        ("a", "write it as key=value"),
        ("=1", "write it as key=value"),
        ("a b=1", "write it as key=value"),
        ("p=p0,p1", "stands for several runs"),
        ("p=choice(p0,p1)", "stands for several runs"),
        ("p=range(3)", "stands for several runs"),
        ("p=[1", "not closed"),
        ("p='x", "not closed"),
        ("p=1]", "not closed"),
        ("p=" + "[" * 60 + "]" * 60, "nested too deeply"),
    ],
)
def test_what_is_no_single_value_is_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_override(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: &x [1]\nb: *x", r"file.yaml:2: .*aliases"),
        ("a: 1\nb: 2\na: 3", r"file.yaml:3: .*'a' is there twice"),
        ("<<: {a: 1}", "not a name"),
        ("? [1]\n: 2", "not a name"),
        ("!!python/object/apply:os.system ['true']", "constructor"),
        ("a: 2023-99-99", "month"),
        ("[" * 5000, "recursion"),
        ("a: b: c", r"file.yaml:1: .*mapping values"),
        ("a: \0", "special characters"),
        ("a: !!float x", "could not convert"),
    ],
)
def test_yaml_of_more_than_plain_values_is_refused(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "file.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_yaml(file)


def test_aliases_that_would_fill_the_memory_are_not_followed(tmp_path: Path) -> None:
    file = tmp_path / "file.yaml"
    lines = ["a0: &a0 [1, 1, 1]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    file.write_text("\n".join(lines))
    with pytest.raises(ConfigError, match="aliases"):
        read_yaml(file)


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "cannot be read"), (b"\xff\xfe\xff", "UTF-8"), (b"a" * 1_000_001, "larger")],
)
def test_a_file_that_is_none_is_refused(
    tmp_path: Path, content: bytes | None, message: str
) -> None:
    file = tmp_path / "file.yaml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError, match=message):
        read_yaml(file)


def test_a_pasted_command_says_which_script_it_is() -> None:
    given = read_given(["python", "src/eval.py", "prompt_type=p1", "+seed=3"])
    assert (given.script, given.values) == ("eval", {"prompt_type": "p1", "seed": 3})
    assert read_given(["prompt_type=p1"]).script is None


def test_the_last_of_equal_overrides_counts_and_words_win_over_a_file(tmp_path: Path) -> None:
    file = tmp_path / "overrides.yaml"
    file.write_text("- a=1\n- b=2\n- a=3\n")
    assert read_given([str(file), "b=4"]).values == {"a": 3, "b": 4}


def test_a_reference_to_another_key_is_its_value(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("a: ${b.c}\nb:\n  c: ${d}\nd: 1e-3\ne: ${oc.env:HOME}\nf: ${f}\ng: ${a}/x\n")
    values = read_given([str(file)]).values
    assert values == {
        **{"a": 1e-3, "b.c": 1e-3, "d": 1e-3},
        **{"e": "${oc.env:HOME}", "f": "${f}", "g": "${a}/x"},
    }


def test_all_words_that_say_nothing_are_named(tmp_path: Path) -> None:
    given = read_given(["nothing", "p=1,2", "~x", "a=1", "y" * 5000])
    assert [problem.split(":")[0][:9] for problem in given.problems] == [
        "nothing", "p=1,2", "~x", "y" * 9
    ]  # fmt: skip
    for name in ("one", "two"):
        (tmp_path / name).write_text("a: 1")
    given = read_given([str(tmp_path / "one"), str(tmp_path / "two")])
    assert "import one run at a time" in given.problems[0]


@pytest.mark.parametrize("content", ["3", "text", ""])
def test_a_file_of_another_kind_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(content)
    with pytest.raises(ConfigError, match=r"must be the config.yaml or the overrides.yaml"):
        read_given([str(file)])


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"has no .hydra/config.yaml"):
        read_given([str(tmp_path)])
