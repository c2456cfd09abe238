"""The storages that `make run` offers pass the configuration check of their own backends."""

import fcntl
import socket
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import pytest
from django.test import override_settings

from fileman.backends import BackendConfig, backend_class
from tests.servers import ServerMissing, demo
from tests.servers.demo import STORAGES, StartStorage
from tests.servers.fixtures import give_up

ORIGIN = "http://localhost:8000"


@override_settings(DEBUG=True)
@pytest.mark.parametrize(("title", "backend_type", "start"), STORAGES, ids=[title for title, *_ in STORAGES])
def test_a_storage_of_the_demo_has_no_fault(title: str, backend_type: str, start: StartStorage) -> None:
    """The CORS rules are part of the check."""
    with ExitStack() as stack:
        try:
            bucket = stack.enter_context(start(ORIGIN))
        except ServerMissing as reason:
            give_up(str(reason))
        config = BackendConfig(
            manager_id=uuid4(), backend_url=bucket.backend_url, settings=bucket.settings, supports_direct_upload=True
        )

        assert backend_class(backend_type)(config).validate_configuration() == (True, [])


def test_a_second_demo_is_refused_before_it_changes_anything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the same folder, or on the port of the first. Its data stay, even if a reset is asked for."""
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    (tmp_path / "db.sqlite3").write_text("the first demo's")
    with socket.create_server(("127.0.0.1", 0)) as first:
        port = first.getsockname()[1]
        with pytest.raises(SystemExit, match=f"Port {port} cannot be used: Address already in use.*PORT={port + 1}"):
            demo.main(port, reset=True)
    with (tmp_path / "demo.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(SystemExit, match="Another demo is running"):
            demo.main(port, reset=True)

    assert (tmp_path / "db.sqlite3").read_text() == "the first demo's"
