"""Users, file managers and an API client for all tests; the storage servers come from tests.servers."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client

from fileman.backends import forget_backends
from fileman.models import FileManager
from fileman.testing.memory import MemoryBackend
from fileman.uploads import Ticket
from tests.api import Api
from tests.uploads.driver import send, start

pytest_plugins = ["tests.servers.fixtures"]
hypothesis.settings.register_profile("steady", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("steady")
CANARY = "canary-7f3a9c-secret"
S3_SETTINGS = {"bucket_name": "my-bucket", "access_key_id": "AKIAIOSFODNN7EXAMPLE", "secret_access_key": CANARY}


@pytest.fixture(autouse=True)
def _fresh_backends() -> Iterator[None]:
    """Drop cached backends, because settings differ between tests, and what the memory backend holds."""
    forget_backends()
    MemoryBackend.forget_all()
    yield
    forget_backends()
    MemoryBackend.forget_all()


@pytest.fixture
def user(db: None) -> User:
    return User.objects.create_user("ann", password="ann")


@pytest.fixture
def other_user(db: None) -> User:
    return User.objects.create_user("bob", password="bob")


@pytest.fixture
def group(db: None) -> Group:
    return Group.objects.create(name="editors")


@pytest.fixture
def manager(db: None) -> FileManager:
    """Site-wide default, in memory, no limits but the global ones."""
    return FileManager.objects.create(name="Memory", backend_type="memory", is_default=True)


@pytest.fixture
def local_manager(db: None, tmp_path: Path) -> FileManager:
    """Site-wide default, in a folder of its own."""
    return FileManager.objects.create(
        name="Local", backend_type="file", settings={"base_path": str(tmp_path / "files")}, is_default=True
    )


@pytest.fixture
def secretive(db: None) -> FileManager:
    """A manager with the secret CANARY in its settings."""
    return FileManager.objects.create(name="S3", backend_type="s3", settings=S3_SETTINGS)


@pytest.fixture
def sent(user: User, manager: FileManager) -> Ticket:
    """An upload of ann whose bytes, hello, have arrived."""
    ticket = start(user)
    send(ticket)
    return ticket


@pytest.fixture
def api(user: User) -> Api:
    """The API as ann sees it."""
    return api_of(user)


@pytest.fixture
def stranger(other_user: User) -> Api:
    """The API as bob sees it, who owns nothing."""
    return api_of(other_user)


@pytest.fixture
def anonymous(db: None) -> Api:
    return Api(Client())


def api_of(user: User) -> Api:
    client = Client()
    client.force_login(user)
    return Api(client)


def grant(user: User, *codenames: str) -> User:
    """The user with these permissions, freshly loaded so that no permission is cached."""
    user.user_permissions.add(*Permission.objects.filter(codename__in=codenames))
    fresh: Any = User.objects.get(pk=user.pk)
    return fresh  # type: ignore[no-any-return]
