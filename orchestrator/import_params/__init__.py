"""Read the ``params.json`` of two papers' repositories as a selection of their studies."""

from orchestrator.import_params.cells import ImportParamsError
from orchestrator.import_params.importing import Imported, Row, import_params

__all__ = ["ImportParamsError", "Imported", "Row", "import_params"]
