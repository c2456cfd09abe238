"""Signals for observers. Nothing in fileman depends on a receiver, and a receiver that fails changes nothing."""

from django.dispatch import Signal

file_completed = Signal()
"""Sent after a file was published and committed. Arguments: sender (File), file_id."""
