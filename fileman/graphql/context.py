"""What resolvers know of the request."""

from dataclasses import dataclass
from typing import Self

import strawberry
from django.http import HttpRequest

from fileman.caller import Caller


@dataclass(frozen=True, kw_only=True)
class Context:
    """One for each request, shared by all its resolvers."""

    request: HttpRequest
    caller: Caller

    @classmethod
    def of(cls, request: HttpRequest) -> Self:
        """Raises Django's DisallowedHost, before anything runs, for a host that is not ours."""
        return cls(request=request, caller=Caller.from_request(request))


Info = strawberry.Info[Context, None]
