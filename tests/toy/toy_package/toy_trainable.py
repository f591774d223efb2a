"""A trainable that takes milliseconds: its value climbs towards 1 - (x - 0.3)^2, plus seeded noise.

It counts every step it really does in its folder, so tests can see what was repeated.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from trainables.context import Context


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    trainable: ClassVar[str] = "toy_package.toy_trainable"
    version: ClassVar[int] = 1

    x: float = 0.9
    name: str = "a"
    steps: int = 5
    sleep_s: float = 0.0
    fail: str = ""


def run(config: Config, context: Context) -> Mapping[str, float]:
    """Climb for ``steps`` steps."""
    rng = random.Random(context.seed)
    top = 1 - (config.x - 0.3) ** 2 + rng.uniform(-0.01, 0.01)
    found = context.resume()
    first = 1 if found is None else found[0] + 1
    context.folder.mkdir(parents=True, exist_ok=True)
    for step in range(first, config.steps + 1):
        time.sleep(config.sleep_s)
        with (context.folder / "steps.txt").open("a") as file:
            file.write(f"{step}\n")
        _maybe_fail(config, context, step)
        value = top * step / config.steps
        context.report(step, {"val/score": value}, lambda step=step: {"step": step})
    if not context.final:
        return {}
    context.open_test()
    for folder in context.inputs.values():
        top += float((folder / "value.txt").read_text())
    (context.artifacts / "value.txt").write_text(str(top))
    return {"test/score": top, "test/other": top / 2}


def _maybe_fail(config: Config, context: Context, step: int) -> None:
    if config.fail == "bug":
        raise RuntimeError("planted bug")
    if config.fail == "linger":
        # A worker gives its trial no time to leave, which it then never does in time.
        os.environ["TUNE_FUNCTION_THREAD_TIMEOUT_S"] = "0"
    died = context.folder.parent / "died"
    if config.fail == "die_later" and not died.exists():
        died.touch()
        _die_when_left()
    if config.fail == "nan":
        context.require_finite(float("nan"), step)
    marker = context.folder / "killed"
    if config.fail == "kill" and step == 3 and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)


def _die_when_left() -> None:
    """Let the worker die when it is given the next trial, as one of a node that is lost does."""
    from ray.tune.trainable import function_trainable

    def die(*_: object, **__: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    type(function_trainable.get_session()).finish = die
