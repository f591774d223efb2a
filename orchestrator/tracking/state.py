"""How far delivery to MLflow has come, kept in one small JSON file."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path

from trainables.errors import TrackingError


@dataclass(kw_only=True)
class DeliveryState:
    """What a tracker must remember to go on where it stopped.

    Args:
        target: which store, ledger and experiment this is about; for another, all starts anew.
        offset: bytes of the ledger that are in the store.
        cells: cell id -> id of its parent run.
        trials: trial id -> run id, of trials that have not ended.
        refused: events the store would not take for reasons that waiting cannot mend.
    """

    target: str = ""
    offset: int = 0
    cells: dict[str, str] = field(default_factory=dict)
    trials: dict[str, str] = field(default_factory=dict)
    refused: int = 0

    @classmethod
    def load(cls, path: Path) -> DeliveryState:
        """Read the state; a fresh one if there is no file.

        Raises:
            TrackingError: the file is not a delivery state.
        """
        try:
            return cls(**json.loads(path.read_text()))
        except FileNotFoundError:
            return cls()
        except (ValueError, TypeError) as error:
            raise TrackingError(
                f"{path} is not a delivery state ({error}). Delete it: the ledger is then "
                f"delivered from its beginning, without duplicates."
            ) from error

    def save(self, path: Path) -> None:
        """Write the state; the old file stays whole until the new one is."""
        temporary = path.with_name(path.name + ".tmp")
        temporary.write_text(json.dumps(dataclasses.asdict(self)))
        temporary.replace(path)
