"""The four tables of fileman."""

from fileman.models.deletion import StorageDeletion
from fileman.models.file import File
from fileman.models.file_manager import FileManager
from fileman.models.usage import StorageUsage

__all__ = ["File", "FileManager", "StorageDeletion", "StorageUsage"]
