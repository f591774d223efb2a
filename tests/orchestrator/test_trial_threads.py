"""How many threads a trial computes in, be torch imported before it or by it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

_SCRIPT = """
import sys
from orchestrator.trial import _limit_threads
if {before}:
    import torch
_limit_threads(3)
assert ("torch" in sys.modules) == {before}
import torch
print(torch.get_num_threads())
"""


@pytest.mark.parametrize("before", [True, False])
def test_torch_computes_in_the_threads_the_trial_was_given(before: bool) -> None:
    others = {
        k: v for k, v in os.environ.items() if k not in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
    }
    told = subprocess.run(
        [sys.executable, "-c", _SCRIPT.format(before=before)],
        capture_output=True,
        text=True,
        check=True,
        env={**others, "OMP_NUM_THREADS": "1"},
    )
    assert told.stdout.strip() == "3"
