"""Run the programs that launchers drive, with errors that a user can act on."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence

from trainables.errors import XenograftError


class LaunchError(XenograftError):
    """A launcher's program is not here or said no."""


def run(command: Sequence[str], stdin: str = "", timeout_s: float = 900.0) -> str:
    """Run a program and return what it prints.

    Args:
        stdin: what it reads; secrets go this way, as arguments can be seen by everyone.

    Raises:
        LaunchError: it is not installed, takes too long, or fails; the message has its last words.
    """
    require(command[0])
    try:
        done = subprocess.run(
            command, input=stdin, capture_output=True, text=True, check=False, timeout=timeout_s
        )
    except subprocess.TimeoutExpired:
        raise LaunchError(f"`{_shown(command)}` has not ended after {timeout_s:.0f} s") from None
    if done.returncode:
        said = _last_words(done.stderr.strip() or done.stdout.strip())
        raise LaunchError(f"`{_shown(command)}` failed ({done.returncode}):\n{said}")
    return done.stdout


def stream(command: Sequence[str], stdin: str = "") -> int:
    """Run a program that prints for the user; return its exit code.

    Raises:
        LaunchError: it is not installed.
    """
    require(command[0])
    return subprocess.run(command, input=stdin, text=True, check=False).returncode


def require(program: str) -> None:
    """Check that a program can be run.

    Raises:
        LaunchError: it is not installed.
    """
    if shutil.which(program) is None:
        raise LaunchError(f"'{program}' is not installed here, or not on the PATH")


def _last_words(text: str) -> str:
    """Return the end of what a program said, of a traceback the error alone."""
    lines = text.splitlines()
    if any(line.startswith("Traceback (most recent call last)") for line in lines):
        frames = [number for number, line in enumerate(lines) if line.startswith("  ")]
        lines = lines[frames[-1] + 1 :] or lines
    return "\n".join(lines)[-2000:]


def _shown(command: Sequence[str]) -> str:
    text = " ".join(command)
    return text if len(text) <= 120 else f"{text[:117]}..."
