"""Content-Security-Policy of the project's own pages: no inline scripts, no third parties except the storages.

And the settings without which no server starts.
"""

import re
from collections.abc import Callable

from django.conf import settings
from django.core.checks import run_checks
from django.core.checks.security.base import check_secret_key
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponseBase

from project.pages import load_offer

GRAPHIQL_PATH = "/graphql"
_PRIVATE_HOST = re.compile(r"[^.:*]+|.+\.localhost|\[::1\]|(127|10|192\.168)\.[0-9.]+")


class ContentSecurityPolicy:
    """Sets the policy on every HTML page that has none of its own."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if response.headers.get("Content-Type", "").startswith("text/html"):
            response.headers.setdefault("Content-Security-Policy", build_policy(request.path))
        return response


def build_policy(path: str) -> str:
    """Return a policy that allows this server and the storages; GraphiQL also needs inline styles and workers."""
    storages = " ".join(sorted({*settings.STORAGE_ORIGINS, *(one["origin"] for one in load_offer() if one["origin"])}))
    directives = {
        "default-src": "'self'",
        "connect-src": f"'self' {storages}",
        "img-src": f"'self' blob: data: {storages}",
        "style-src": "'self'",
        "worker-src": "'self'",
        "base-uri": "'none'",
        "object-src": "'none'",
        "frame-ancestors": "'none'",
        "form-action": "'self'",
    }
    if path == GRAPHIQL_PATH:
        directives |= {"style-src": "'self' 'unsafe-inline'", "worker-src": "'self' blob:"}
    return "; ".join(f"{name} {value.strip()}" for name, value in directives.items())


def require_safe_settings() -> None:
    """Raise ImproperlyConfigured for settings that must not be served. Servers run no system checks."""
    problems = [str(one.msg) for one in run_checks(tags=["fileman"]) if one.is_serious()]
    if settings.DEBUG:
        public = [host for host in settings.ALLOWED_HOSTS if not _PRIVATE_HOST.fullmatch(host)]
        problems += [f"DEBUG is on, but ALLOWED_HOSTS has {host!r}." for host in public]
    else:
        problems += [str(one.msg) for one in check_secret_key(None)]
    if problems:
        raise ImproperlyConfigured(f"The server does not start: {' '.join(problems)}")
