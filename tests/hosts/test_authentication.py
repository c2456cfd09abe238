"""Anything may set `request.user`. The sample of docs/authentication.md works as written; cookies need a CSRF token."""

import sys
from types import ModuleType
from typing import Any

import jwt
import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from fileman.models import FileManager
from tests.graphql.test_requests import VIEWER, post
from tests.repository.test_documentation import samples
from tests.uploads.driver import upload

KEY = "a key of 32 bytes or more, as RFC 7518 asks"
SAMPLE = samples("docs/authentication.md")[0]
ANN, BOB = ({"data": {"viewer": {"username": name}}} for name in ("ann", "bob"))


@pytest.fixture(autouse=True)
def _tokens(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("shop_authentication")
    exec(SAMPLE, vars(module))
    vars(module)["by_cookie"] = by_cookie
    monkeypatch.setitem(sys.modules, module.__name__, module)
    settings.JWT_KEY = KEY
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "shop_authentication.BearerTokens", "shop_authentication.by_cookie"]


def by_cookie(get_response: Any) -> Any:
    """Sign in by a cookie that is not Django's session."""

    def middleware(request: Any) -> Any:
        if "ticket" in request.COOKIES:
            request.user = User.objects.get(username=request.COOKIES["ticket"])
        return get_response(request)

    return middleware


@pytest.fixture
def client(user: User) -> Client:
    return Client(enforce_csrf_checks=True)


def bearer(user: User, key: str = KEY, **changes: Any) -> dict[str, str]:
    claims = {"sub": str(user.pk), "aud": "shop", "exp": int(timezone.now().timestamp()) + 60, **changes}
    token = jwt.encode({k: v for k, v in claims.items() if v}, key, algorithm="HS256" if key else "none")
    return {"Authorization": f"Bearer {token}"}


def test_a_header_needs_no_csrf_token(client: Client, user: User) -> None:
    assert post(client, VIEWER, **bearer(user)).json() == ANN
    client.cookies["theme"] = "dark"
    assert post(client, VIEWER, **bearer(user)).json() == ANN


def test_a_header_opens_stable_links(client: Client, user: User, manager: FileManager) -> None:
    link = f"/fileman/download/{upload(user).pk}/"

    assert client.get(link).status_code == 404
    assert client.get(link, headers=bearer(user)).status_code == 302


def test_a_header_beside_a_session_counts_as_a_cookie(client: Client, user: User, other_user: User) -> None:
    client.force_login(other_user)
    assert post(client, VIEWER, **bearer(user)).status_code == 403

    token = client.get("/fileman/csrf/").json()["csrfToken"]
    assert post(client, VIEWER, **bearer(user), **{"X-CSRFToken": token}).json() == BOB


def test_a_cookie_that_is_not_the_session_needs_the_csrf_token_too(client: Client, user: User) -> None:
    client.cookies["ticket"] = "ann"
    assert post(client, VIEWER).json()["errors"][0]["extensions"] == {"code": "CSRF_FAILED"}

    token = client.get("/fileman/csrf/").json()["csrfToken"]
    assert post(client, VIEWER, **{"X-CSRFToken": token}).json() == ANN


WRONG: dict[str, dict[str, Any]] = {
    "another key": {"key": "another key of 32 bytes or more, not ours"},
    "unsigned": {"key": ""},
    "expired": {"exp": 1},
    "endless": {"exp": None},
    "another audience": {"aud": "other"},
    "no user": {"sub": None},
    "nobody": {"sub": "0"},
    "no id": {"sub": "ann"},
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_a_wrong_token_is_refused(wrong: dict[str, Any], client: Client, user: User) -> None:
    assert post(client, VIEWER, **bearer(user, **wrong)).status_code == 401
