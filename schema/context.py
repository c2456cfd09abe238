"""What resolvers know of the request."""

from dataclasses import dataclass
from functools import cached_property

import strawberry
from django.http import HttpRequest

from fileman.access import Caller, caller_of


@dataclass
class Context:
    """One for each request, shared by all its resolvers."""

    request: HttpRequest

    @cached_property
    def caller(self) -> Caller:
        return caller_of(self.request)


Info = strawberry.Info[Context, None]
