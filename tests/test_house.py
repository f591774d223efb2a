"""What is committed: packages the build knows, no places, no registries, plain pins."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a git checkout")

# In pieces, so that this file does not match itself.
UNWANTED = ["pypi" + r"\.org", "python" + "hosted", "/" + "home/", "/" + "root/"]


def _committed() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).exists()]


def _imported_packages() -> set[str]:
    roots = {path.relative_to(ROOT).parts[0] for path in _committed() if path.suffix == ".py"}
    return {name for name in roots if (ROOT / name / "__init__.py").exists()}


def test_the_build_the_types_and_the_import_contract_cover_every_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    tool = project["tool"]
    packages = _imported_packages()
    assert set(tool["hatch"]["build"]["targets"]["wheel"]["packages"]) == packages
    assert set(tool["mypy"]["packages"]) == packages
    assert set(tool["importlinter"]["root_packages"]) == packages


def test_no_committed_file_names_a_place_on_a_machine_or_a_package_registry() -> None:
    unwanted = re.compile("|".join(UNWANTED).encode())
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in _committed()
        for number, line in enumerate(path.read_bytes().splitlines(), start=1)
        if unwanted.search(line)
    ]
    assert found == []


def test_every_line_of_the_lock_file_is_one_pinned_package() -> None:
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    assert lines
    assert [line for line in lines if not re.fullmatch(r"[A-Za-z0-9._-]+==[\w.+!]+", line)] == []


def test_the_changelog_begins_with_the_version_that_is_built() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest is not None
    assert newest[1] == project["version"]


UNSAFE_CALLS = {
    "pickle.load": None,
    "pickle.loads": None,
    "joblib.load": None,
    # The one loader of ours is a SafeLoader that takes plain values only.
    "yaml.load": "Loader=_Loader",
    "yaml.unsafe_load": None,
    "os.system": None,
    "eval": None,
    "exec": None,
    "torch.load": "weights_only=True",
    "torch.hub.load": None,
}
"""Call -> the argument that makes it safe; None: nothing does."""


def _calls(tree: ast.AST) -> Iterator[tuple[int, str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            given = ", ".join(ast.unparse(keyword) for keyword in node.keywords if keyword.arg)
            yield node.lineno, ast.unparse(node.func), given


def _unsafe(source: str) -> list[int]:
    """Return the lines of a program that may run what a file says."""
    found = []
    for line, called, given in _calls(ast.parse(source)):
        if called in UNSAFE_CALLS:
            remedy = UNSAFE_CALLS[called]
            if remedy is None or remedy not in given:
                found.append(line)
        if any(f"{name}=True" in given for name in ("shell", "trust_remote_code", "allow_pickle")):
            found.append(line)
    return found


def test_no_program_runs_what_a_file_says() -> None:
    folders = ("trainables", "search_spaces", "orchestrator", "cluster", "benchmarks")
    programs = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    assert len(programs) > 300
    found = {
        str(path.relative_to(ROOT)): lines
        for path in programs
        if (lines := _unsafe(path.read_text(encoding="utf-8")))
    }
    assert found == {}


def test_the_search_for_unsafe_calls_finds_them() -> None:
    source = (
        "torch.load(path)\ntorch.load(path, weights_only=True)\nnp.load(path)\n"
        "np.load(path, allow_pickle=True)\npickle.load(file)\nrun('ls', shell=True)\n"
    )
    assert _unsafe(source) == [1, 4, 5, 6]
