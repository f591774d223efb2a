"""Read pickles of plain text containers without running them.

A pickle is a program for a stack machine; an unpickler runs it, and may be told to call anything.
Here only the instructions that build dicts, lists and texts are known, and the first other one ends
the reading.
"""

from __future__ import annotations

import pickletools
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from trainables.errors import DatasetError

Plain: TypeAlias = "str | list[Plain] | dict[str, Plain]"

# The largest released file has under 1 MB; these keep a hostile one from filling the memory.
_MOST_BYTES = 10_000_000
_MOST_CHARACTERS = 10_000_000
_MOST_TEXTS = 1_000_000


def read_plain_pickle(path: Path) -> Plain:
    """Return what a pickle of dicts, lists and texts holds; nothing in it is executed.

    Raises:
        DatasetError: the file is missing, too large or broken, or has an instruction that builds
            anything else; the message names the instruction and its place.
    """
    data = _bytes_of(path)
    machine, ends_at = _Machine(), 0
    try:
        for opcode, argument, place in pickletools.genops(data):
            ends_at = (place or 0) + 1
            try:
                machine.step(opcode.name, argument)
            except _RefusedError as error:
                where = f"{path}: instruction {opcode.name} at byte {place}"
                raise DatasetError(f"{where}: {error}. The file is not read.") from None
    except ValueError as error:
        raise DatasetError(f"{path}: not a whole pickle ({error})") from error
    if len(machine.stack) != 1 or machine.marks or ends_at != len(data):
        raise DatasetError(f"{path}: not a whole pickle, or more than one")
    return machine.stack[0]


class _RefusedError(Exception):
    """An instruction that cannot be part of a plain file."""


@dataclass(slots=True)
class _Machine:
    """What the instructions so far have built.

    Args:
        marks: heights of the stack at which runs of items begin.
        memo: what was built before, by number; None for a container, as one that is taken out twice
            could hold itself or unfold without end.
    """

    stack: list[Plain] = field(default_factory=list)
    marks: list[int] = field(default_factory=list)
    memo: dict[int, str | None] = field(default_factory=dict)
    texts: int = 0
    characters: int = 0

    def step(self, name: str, argument: Any) -> None:
        """Follow one instruction."""
        match name:
            case "PROTO" | "FRAME" | "STOP":
                pass
            case "EMPTY_DICT":
                self.stack.append({})
            case "EMPTY_LIST":
                self.stack.append([])
            case "SHORT_BINUNICODE" | "BINUNICODE":
                self._push_text(argument)
            case "MARK":
                self.marks.append(len(self.stack))
            case "MEMOIZE":
                self._remember(len(self.memo))
            case "BINPUT" | "LONG_BINPUT":
                self._remember(argument)
            case "BINGET" | "LONG_BINGET":
                self._recall(argument)
            case "APPEND":
                self._extend(self._pop(1))
            case "APPENDS":
                self._extend(self._pop_run())
            case "SETITEM":
                self._update(self._pop(2))
            case "SETITEMS":
                self._update(self._pop_run())
            case _:
                raise _RefusedError("it builds something else than dicts, lists and texts")

    def _push_text(self, text: str) -> None:
        self.texts += 1
        self.characters += len(text)
        if self.texts > _MOST_TEXTS or self.characters > _MOST_CHARACTERS:
            raise _RefusedError("there are too many texts")
        try:
            text.encode()
        except UnicodeEncodeError:
            raise _RefusedError("its text is not valid Unicode") from None
        self.stack.append(text)

    def _remember(self, number: int) -> None:
        top = self._top()
        self.memo[number] = top if isinstance(top, str) else None

    def _recall(self, number: int) -> None:
        text = self.memo.get(number)
        if text is None:
            raise _RefusedError(
                "it takes out a container for the second time, or what was never put in"
            )
        self._push_text(text)

    def _top(self) -> Plain:
        if len(self.stack) <= self._floor():
            raise _RefusedError("there is nothing to take")
        return self.stack[-1]

    def _floor(self) -> int:
        return self.marks[-1] if self.marks else 0

    def _pop(self, count: int) -> list[Plain]:
        if len(self.stack) - count < self._floor():
            raise _RefusedError("there is nothing to take")
        taken = self.stack[-count:]
        del self.stack[-count:]
        return taken

    def _pop_run(self) -> list[Plain]:
        if not self.marks:
            raise _RefusedError("there is no run of items")
        start = self.marks.pop()
        taken = self.stack[start:]
        del self.stack[start:]
        return taken

    def _extend(self, items: list[Plain]) -> None:
        target = self._top()
        if not isinstance(target, list):
            raise _RefusedError("there is no list to add to")
        target.extend(items)

    def _update(self, items: list[Plain]) -> None:
        target = self._top()
        if not isinstance(target, dict) or len(items) % 2:
            raise _RefusedError("there is no dict to add pairs to")
        for key, value in zip(items[::2], items[1::2], strict=True):
            if not isinstance(key, str) or key in target:
                raise _RefusedError("a key is not a text, or stands there already")
            target[key] = value


def _bytes_of(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        raise DatasetError(f"{path} is missing") from None
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror})") from error
    if len(data) > _MOST_BYTES:
        raise DatasetError(f"{path}: more than {_MOST_BYTES} bytes, which no split file has")
    return data
