"""The context of a GraphQL request, and the caller under any strawberry view."""

from typing import Any

import strawberry
from django.http import HttpRequest

from fileman.caller import Caller

Info = strawberry.Info[Any, Any]
"""A host's view brings a context of its own."""
_CALLER = "fileman_caller"


def get_caller(info: Any) -> Caller:
    """Return who sent the request, under any view."""
    return get_request_caller(get_request(info))


def get_request(info: Any) -> HttpRequest:
    """Return Django's request: `info.context.request` or `info.context["request"]`, as the view provides it."""
    context = info.context
    request: HttpRequest = context["request"] if isinstance(context, dict) else context.request
    return request


def get_request_caller(request: HttpRequest) -> Caller:
    """Return the caller, built once per request: it keeps the user's groups. Raises Django's DisallowedHost."""
    caller = vars(request).get(_CALLER)
    # A host's resolver may sign a user in or out in the middle of a request.
    if caller is None or caller.user is not request.user:
        caller = vars(request)[_CALLER] = Caller.from_request(request)
    return caller
