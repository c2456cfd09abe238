"""The storages that `make run` offers pass the configuration check of their own backends."""

from contextlib import ExitStack
from uuid import uuid4

import pytest
from django.test import override_settings

from fileman.backends import BackendConfig, backend_class
from tests.servers import ServerMissing
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
