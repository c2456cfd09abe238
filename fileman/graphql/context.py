"""The context of a GraphQL request."""

from dataclasses import dataclass
from typing import Self

import strawberry
from django.http import HttpRequest

from fileman.caller import Caller


@dataclass(frozen=True, kw_only=True)
class Context:
    """One instance per request, shared by all its resolvers."""

    request: HttpRequest
    caller: Caller

    @classmethod
    def from_request(cls, request: HttpRequest) -> Self:
        """Build the context. Raises Django's DisallowedHost for an unknown host, before anything runs."""
        return cls(request=request, caller=Caller.from_request(request))


Info = strawberry.Info[Context, None]
