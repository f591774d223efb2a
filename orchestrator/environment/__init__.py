"""What is wrong with this machine, and what to do: ``xenograft doctor env``. Changes nothing."""

from orchestrator.environment.check import Check, Found
from orchestrator.environment.looks import examine

__all__ = ["Check", "Found", "examine"]
