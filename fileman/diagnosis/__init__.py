"""Diagnose a file manager's storage, or an upload that is stuck, in sentences for an operator. Change nothing."""

from fileman.diagnosis.files import FileFindings, describe_deletion, diagnose_file
from fileman.diagnosis.managers import diagnose_manager
from fileman.diagnosis.subjects import Subjects, find_file, find_managers, find_subjects

__all__ = [
    "FileFindings",
    "Subjects",
    "describe_deletion",
    "diagnose_file",
    "diagnose_manager",
    "find_file",
    "find_managers",
    "find_subjects",
]
