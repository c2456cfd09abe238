"""A file that belongs to a row of the host project."""

from fileman.attachments.fields import FilemanFileField, get_fields

__all__ = ["FilemanFileField", "get_fields"]
