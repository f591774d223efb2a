"""Provenance: which code, and nothing of where."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestrator import provenance as provenance_module
from orchestrator.provenance import provenance


def test_provenance_names_code_and_packages_and_no_path(monkeypatch: pytest.MonkeyPatch) -> None:
    facts = provenance()
    assert {"code.version", "code.digest", "python", "package.torch"} <= set(facts)
    assert all(isinstance(value, str) and "/" not in value for value in facts.values())
    assert os.uname().nodename not in "".join(facts.values())
    monkeypatch.setenv("PATH", "")
    without_git = provenance()
    assert "code.commit" not in without_git
    assert without_git["code.digest"] == facts["code.digest"]


def test_the_digest_of_the_code_follows_the_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "trainables").mkdir()
    source = tmp_path / "trainables" / "a.py"
    source.write_text("x = 1\n")
    monkeypatch.setattr(provenance_module, "_ROOT", tmp_path)
    before = provenance()["code.digest"]
    source.write_text("x = 2\n")
    assert provenance()["code.digest"] != before


def test_gpus_are_counted_by_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 'Card A'; echo 'Card B'; echo 'Card A'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert provenance()["gpus"] == "2 x Card A, 1 x Card B"
    program.write_text("#!/bin/sh\necho 'no driver'; exit 9\n")
    assert "gpus" not in provenance()
