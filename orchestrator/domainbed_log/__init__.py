"""What DomainBed logs of a job, whoever wrote it: DomainBed itself, or a run of our own."""

from orchestrator.domainbed_log.jobs import Job, LogMetric, LogRecord, Part, setting_of
from orchestrator.domainbed_log.log_file import RESULTS, ReadLog, SweepError, read_log

__all__ = [
    "RESULTS",
    "Job",
    "LogMetric",
    "LogRecord",
    "Part",
    "ReadLog",
    "SweepError",
    "read_log",
    "setting_of",
]
