"""The life of an upload: initiate, receive, refresh, finalize, sweep, abort, and the values they take and return."""

from fileman.uploads._abort import abort
from fileman.uploads._finalize import finalize
from fileman.uploads._initiate import initiate
from fileman.uploads._receive import receive
from fileman.uploads._refresh import refresh
from fileman.uploads._sweep import sweep
from fileman.uploads.values import Batch, InitiateRequest, Outcome, Ticket, UploadInstructions
from fileman.validation.acceptance import DeclaredFile

__all__ = [
    "Batch", "DeclaredFile", "InitiateRequest", "Outcome", "Ticket", "UploadInstructions",
    "abort", "finalize", "initiate", "receive", "refresh", "sweep",
]  # fmt: skip
