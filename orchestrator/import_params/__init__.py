"""Read the ``params.json`` of two papers' repositories as a selection of their studies."""

from orchestrator.import_params.cells import ImportParamsError
from orchestrator.import_params.importing import import_params
from orchestrator.import_params.outcome import Imported, Row

__all__ = ["ImportParamsError", "Imported", "Row", "import_params"]
