"""The admin of file managers, files and the deletion queue."""

from fileman.admin import deletion_queue, file_managers, files

__all__ = ["deletion_queue", "file_managers", "files"]
