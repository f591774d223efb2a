"""Read the logs of a DomainBed sweep into the tracking store of the study they belong to."""

from orchestrator.domainbed_log import SweepError
from orchestrator.import_domainbed.importing import ImportedSweep, import_sweep

__all__ = ["ImportedSweep", "SweepError", "import_sweep"]
