"""For observers. Nothing in fileman depends on a receiver, and a receiver that fails changes nothing."""

from django.dispatch import Signal

file_completed = Signal()
"""After a file was published and committed. Arguments: sender (File), file_id."""
