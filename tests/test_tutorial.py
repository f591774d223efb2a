"""The tutorial works as written: its files are saved, its commands run, its claims hold."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[1] / "docs" / "tutorial.md"


def _text() -> str:
    return PAGE.read_text(encoding="utf-8")


def _files() -> dict[str, str]:
    """Return the files that a reader is told to save, by name."""
    found = re.findall(
        r"[Ss]ave this as `([\w./]+)`[^`]*```python\n(.*?)^```", _text(), re.S | re.M
    )
    return dict(found)


def _commands() -> str:
    return "\n".join(re.findall(r"^```bash\n(.*?)^```", _text(), re.S | re.M))


def test_every_python_block_is_a_file_to_save() -> None:
    assert len(_files()) == _text().count("```python")
    assert set(_files()) == {"stand_in.py", "lab/cards.py", "lab/start.py"}


@pytest.mark.integration
@pytest.mark.timeout(900)
def test_the_commands_of_the_tutorial_work_as_written(tmp_path: Path) -> None:
    (tmp_path / "lab").mkdir()
    for name, content in _files().items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    done = subprocess.run(
        # The folder is there already, with the files that the reader saves in between.
        ["bash", "-euo", "pipefail", "-c", _commands().replace("mkdir lab\n", "", 1)],
        cwd=tmp_path,
        env={
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "lab.cards.moles: 0 errors, 0 warnings" in done.stdout
    report = tmp_path / "xenograft_runs" / "start" / "report"
    assert (report / "report.html").exists()
    with (report / "results.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2
    assert {row["n"] for row in rows} == {"2"}
    # Round and ragged outlines differ so much that even these features tell them apart.
    assert all(float(row["mean"]) > 0.7 for row in rows)
