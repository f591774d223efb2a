"""What users add without touching the package: modules of their own, found by dotted name.

A name with a dot is ``<module>.<short name>``; names of the package have none. Nothing is
registered, so every process that can import the module finds what the name means.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator, Mapping
from types import ModuleType
from typing import Protocol, TypeVar

from trainables.errors import SelectionError, XenograftError, did_you_mean


class _Named(Protocol):
    @property
    def name(self) -> str: ...


CardT = TypeVar("CardT", bound=_Named)


def is_outside(name: str) -> bool:
    """Say whether a name means something outside of the package."""
    return "." in name


def import_outside(module: str, nothing: XenograftError) -> ModuleType:
    """Import a module that a user named.

    Args:
        nothing: raised when there is no such module; a module that is there but imports something
            that is not keeps its traceback.
    """
    if not all(part.isidentifier() for part in module.split(".")):
        raise nothing
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise
        raise nothing from None


class CardTable(Mapping[str, CardT]):
    """Cards by name: those of the package, which it lists, and those of users' modules.

    Args:
        cards: of the package.
        attribute: what a user's module calls its tuple of cards.
    """

    def __init__(self, cards: Iterable[CardT], attribute: str) -> None:
        self._own = {card.name: card for card in cards}
        self._attribute = attribute

    def __getitem__(self, name: str) -> CardT:
        """Return a card.

        Raises:
            KeyError: the package has none of that name.
            SelectionError: the name is a dotted one, and there is no such module or card in it.
        """
        return self._outside(name) if is_outside(name) else self._own[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._own)

    def __len__(self) -> int:
        return len(self._own)

    def of_module(self, module: str) -> dict[str, CardT]:
        """Return the cards of a user's module by name.

        Raises:
            SelectionError: there is no such module, or no card in it.
        """
        nothing = SelectionError(f"there is no module '{module}': check the name and PYTHONPATH")
        return self._found(module, import_outside(module, nothing))

    def _outside(self, name: str) -> CardT:
        module = name.rpartition(".")[0]
        nothing = SelectionError(
            f"there is no module '{module}' for '{name}': check the name and PYTHONPATH"
        )
        cards = self._found(module, import_outside(module, nothing))
        if name not in cards:
            raise SelectionError(
                f"module '{module}' has no '{name}' in {self._attribute}."
                f"{did_you_mean(name, cards)}"
            )
        return cards[name]

    def _found(self, module: str, imported: ModuleType) -> dict[str, CardT]:
        cards = {card.name: card for card in getattr(imported, self._attribute, ())}
        if not cards:
            raise SelectionError(f"module '{module}' has no cards in {self._attribute}")
        return cards
