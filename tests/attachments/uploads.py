"""Files that are uploaded for a field of the shop."""

from typing import Any

from fileman.models import File
from tests.shop.models import Purchase
from tests.uploads.driver import declared, finish, initiate, send

PDF = b"%PDF-1.7 invoice"


def upload_for(field: Any, user: Any, data: bytes = PDF, filename: str = "invoice.pdf") -> File:
    """One completed file for this field."""
    (ticket,) = initiate(user, declared(filename, len(data)), slot=field.field.sign_slot()).tickets
    assert ticket.errors == ()
    send(ticket, data)
    return finish(user, ticket).file


def handle_of(user: Any, field: Any = Purchase.invoice) -> str:
    handle = upload_for(field, user).handle
    assert handle is not None
    return handle
