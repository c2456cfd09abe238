"""A file that belongs to a row of the host project: the model field, the form field, and mixins that bring the user."""

from fileman.attachments.fields import FilemanFileField, get_fields
from fileman.attachments.forms import AttachmentAdminMixin, AttachmentField, AttachmentFormMixin

__all__ = ["AttachmentAdminMixin", "AttachmentField", "AttachmentFormMixin", "FilemanFileField", "get_fields"]
