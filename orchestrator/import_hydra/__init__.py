"""Read the Hydra overrides of the repository of ``medvlsm`` as a selection of the study."""

from orchestrator.import_hydra.importing import import_hydra

__all__ = ["import_hydra"]
