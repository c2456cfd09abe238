"""The stand-ins of the demo: what `make run` offers works by its own judgement."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any
from uuid import uuid4

import pytest
from django.test import override_settings

from fileman.backends import BackendConfig, backend_class
from tests.servers import ServerMissing
from tests.servers.demo import STORAGES
from tests.servers.fixtures import give_up

ORIGIN = "http://localhost:8000"


@override_settings(DEBUG=True)
@pytest.mark.parametrize(("title", "backend_type", "start"), STORAGES, ids=[title for title, *_ in STORAGES])
def test_a_storage_of_the_demo_has_no_fault(title: str, backend_type: str, start: Callable[[str], Any]) -> None:
    """Browsers are let in, too."""
    with ExitStack() as stack:
        try:
            described = stack.enter_context(start(ORIGIN))
        except ServerMissing as reason:
            give_up(str(reason))
        config = BackendConfig(
            manager_id=uuid4(),
            backend_url=described["backend_url"],
            settings=described["settings"],
            supports_direct_upload=True,
        )

        assert backend_class(backend_type)(config).validate_configuration() == (True, [])
