"""For all tests of uploads."""

import pytest
from django.contrib.auth.models import User

from fileman.models import FileManager
from fileman.uploads import Ticket
from tests.uploads.driver import send, start


@pytest.fixture
def sent(user: User, manager: FileManager) -> Ticket:
    """An upload whose bytes, hello, have arrived."""
    ticket = start(user)
    send(ticket)
    return ticket
