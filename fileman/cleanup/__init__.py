"""Work of operators on many files: the regular cleanup, the comparison with storages, and files without an uploader."""

from fileman.cleanup._give_up import Loss, give_up
from fileman.cleanup._ownerless import assign_ownerless
from fileman.cleanup._reconcile import Findings, reconcile
from fileman.cleanup._run import CLEANABLE, CleanableStatus, Report, Request, run, run_scheduled

__all__ = [
    "CLEANABLE", "CleanableStatus", "Findings", "Loss", "Report", "Request",
    "assign_ownerless", "give_up", "reconcile", "run", "run_scheduled",
]  # fmt: skip
