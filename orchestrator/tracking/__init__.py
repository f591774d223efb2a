"""Tracking: ships the ledger of a study to MLflow, in order, each event exactly once."""

from orchestrator.tracking.names import experiment_name
from orchestrator.tracking.store import check_uri, init_store
from orchestrator.tracking.tracker import Tracker

__all__ = ["Tracker", "check_uri", "experiment_name", "init_store"]
