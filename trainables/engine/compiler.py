"""Whether PyTorch can compile networks on this machine. No torch here: plans ask it too."""

from __future__ import annotations

import os
import shutil
from importlib.util import find_spec

from trainables.errors import ResourceError


def require_compiler(device: str) -> None:
    """Check that everything is here that ``torch.compile`` builds programs for a device with.

    Raises:
        ResourceError: something is not; the message says what.
    """
    if device == "cpu":
        # Variables and names as PyTorch and Triton read them.
        names, variable = [os.environ.get("CXX", "g++")], "CXX"
    else:
        names, variable = [os.environ["CC"]] if "CC" in os.environ else ["gcc", "clang"], "CC"
        if find_spec("triton") is None:
            raise ResourceError(
                "networks cannot be compiled for a GPU here, because the package triton is not "
                "installed: install it, or run with --no-compile"
            )
    if not any(map(shutil.which, names)):
        raise ResourceError(
            f"networks cannot be compiled here, because there is no {' or '.join(names)}: install "
            f"a compiler, name one in the environment variable {variable}, or run with --no-compile"
        )
