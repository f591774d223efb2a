"""Annotation files are read to the letter, and whatever else they hold is one message."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from segmentation_samples import entry, write_set

from trainables.context import Locations
from trainables.data.prepare import prepare
from trainables.data.prompts import prompts_of_text, prompts_text
from trainables.data.sets.segmentation_annotations import read_cases
from trainables.errors import DatasetError, XenograftError

TYPES = tuple(f"p{number}" for number in range(10))


def write(path: Path, body: Any) -> Path:
    path.write_text(body if isinstance(body, str) else json.dumps(body))
    return path


def test_texts_and_lists_of_texts_keep_their_order(tmp_path: Path) -> None:
    prompts = {"p0": "", "p2": ["b", "a"], "p1": "one, with \u00e9"}
    body = [{"img_name": "sub/x.jpg", "mask_name": "k/x.png", "prompts": prompts, "cat": 0}]
    (case,) = read_cases(write(tmp_path / "test.json", body), ("p0", "p1"), "dfu")
    assert (case.picture, case.mask) == ("sub/x.jpg", "k/x.png")
    assert list(case.prompts.items()) == [
        ("p0", ("",)),
        ("p2", ("b", "a")),
        ("p1", ("one, with \u00e9",)),
    ]


def test_prompts_survive_the_manifest() -> None:
    prompts = {"p0": ("",), "p10": ("b", 'a "quoted" \u00e9\n'), "p2": ("x",)}
    again = prompts_of_text(prompts_text(prompts))
    assert list(again.items()) == list(prompts.items())
    assert prompts_of_text(prompts_text({})) == {}


CASE = {"img_name": "x.png", "mask_name": "x.png", "prompts": {"p0": ""}}


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ("{", "cannot be read as JSON"),
        ({}, "not a JSON list"),
        ([], "not a JSON list of cases, or an empty one"),
        ([CASE, 3], "entry 1: not a JSON object"),
        ([{"img_name": "x"}], "entry 0: has no 'mask_name'"),
        ([CASE | {"img_name": ""}], "'img_name': '' is not the name"),
        ([CASE | {"mask_name": 7}], "'mask_name': 7 is not the name"),
        ([CASE | {"mask_name": "a\x00b"}], "is not the name of a file"),
        ([CASE | {"mask_name": "\ud800"}], "is not the name of a file"),
        ([CASE | {"mask_name": "../x.png"}], "leads out of the folder"),
        ([CASE | {"img_name": "/etc/x.png"}], "leads out of the folder"),
        ([CASE | {"prompts": []}], "'prompts' is not an object"),
        ([CASE | {"prompts": {}}], "'prompts' is not an object of prompt types, or empty"),
        ([CASE | {"prompts": {"\ud800": "a"}}], r"'\ud800' is not the name of a prompt type"),
        ([CASE | {"prompts": {"p0": []}}], "prompt 'p0': neither a text nor a list"),
        ([CASE | {"prompts": {"p0": ["a", None]}}], "prompt 'p0': neither a text nor a list"),
        ([CASE | {"prompts": {"p0": "\udfff"}}], "prompt 'p0': neither a text nor a list"),
        ([CASE | {"prompts": {"p1": "a"}}], "has no prompt 'p0', which every case of 'dfu' needs"),
        ('[{"prompts": {"p0": "a", "p0": "b"}}]', "key 'p0' stands in one object twice"),
    ],
)
def test_other_contents_are_one_message_with_file_and_entry(
    tmp_path: Path, body: Any, what: str
) -> None:
    path = write(tmp_path / "test.json", body)
    with pytest.raises(DatasetError) as error:
        read_cases(path, ("p0",), "dfu")
    assert what in str(error.value)
    assert str(path) in str(error.value)


JUNK: list[Any] = [
    None,
    True,
    -1,
    1e400,
    "",
    "x" * 5000,
    "\ud800",
    "..",
    [],
    [[]],
    {},
    {"p0": {}},
    "a\nb",
]


def mutated(value: Any, rng: random.Random) -> Any:
    """Return a copy of parsed JSON with one place of it spoilt."""
    if rng.random() < 0.2 or not isinstance(value, (dict, list)) or not value:
        return rng.choice(JUNK)
    copy: Any = value.copy()
    key = rng.choice(list(copy) if isinstance(copy, dict) else range(len(copy)))
    action = rng.random()
    if action < 0.15:
        del copy[key]
    elif action < 0.25 and isinstance(copy, dict):
        copy[rng.choice(["", "p99", "\ud800"])] = rng.choice(JUNK)
    else:
        copy[key] = mutated(copy[key], rng)
    return copy


def test_mutated_files_are_read_or_refused_but_never_crash(
    tmp_path: Path, locations: Locations
) -> None:
    folder = write_set(tmp_path / "root", "camus", (3, 3, 3))
    path = folder / "anns" / "val.json"
    sound = json.loads(path.read_text())
    text = path.read_text()
    refused = 0
    for seed in range(120):
        rng = random.Random(seed)
        if seed % 3 == 0:
            at = rng.randrange(len(text))
            broken = text[:at] + rng.choice(["", "\x00", '"', "]", "\\u", "9"]) + text[at + 1 :]
            path.write_text(broken)
        else:
            path.write_text(json.dumps(mutated(sound, rng)))
        try:
            prepare("camus", tmp_path / "root", locations)
        except XenograftError as error:
            # What cannot be encoded cannot be printed.
            assert str(tmp_path).encode() in str(error).encode()  # noqa: PT017
            refused += 1
    assert 40 < refused < 120


def test_sample_has_the_form_of_the_released_files() -> None:
    assert set(entry("a", "b", TYPES)) >= {"img_name", "mask_name", "prompts", "bbox"}
