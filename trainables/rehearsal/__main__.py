"""Rehearse trials in a process of its own: a JSON request on standard input, JSON on the output.

The planner asks this way, because it does without torch.
"""

from __future__ import annotations

import contextlib
import json
import sys
from typing import Any

from trainables.config import from_mapping
from trainables.context import Locations
from trainables.rehearsal.need import NoRehearsalError, needed_bytes


def main() -> None:
    """Answer one request: a line per trial, in order, as each is known."""
    request = json.load(sys.stdin)
    locations = from_mapping(Locations, request["locations"])
    for trial in request["trials"]:
        # The answer is all there may be on the output, whatever libraries have to say.
        with contextlib.redirect_stdout(sys.stderr):
            answer = _answer(trial, locations)
        sys.stdout.write(json.dumps(answer) + "\n")


def _answer(trial: dict[str, Any], locations: Locations) -> dict[str, Any]:
    try:
        return {"bytes": needed_bytes(**trial, locations=locations)}
    except NoRehearsalError as error:
        return {"reason": str(error)}


if __name__ == "__main__":
    main()
