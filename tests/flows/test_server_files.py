"""A file that the server makes is stored and read back on every kind of storage, in one request and in parts."""

import io

import pytest
from django.contrib.auth.models import User

from fileman import files
from fileman.models import File
from tests.flows.conftest import Configure
from tests.flows.http_client import content
from tests.flows.storages import Storage

MIB = 1024**2


@pytest.mark.parametrize("size", [300_000, 12 * MIB])
def test_a_server_made_file_comes_back_whole(storage: Storage, user: User, configure: Configure, size: int) -> None:
    configure(SINGLE_REQUEST_MAX_BYTES=5 * MIB, PART_SIZE_BYTES=5 * MIB)
    data = content(size)

    stored = files.store(io.BytesIO(data), user=user, filename="report.bin", manager=storage.manager)

    assert (stored.upload_status, stored.file_size) == (File.COMPLETED, size)
    with stored.open() as stream:
        stream.seek(size - 7)
        assert stream.read() == data[-7:]
        stream.seek(0)
        assert stream.read() == data
