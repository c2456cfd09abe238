"""Caller: who calls a use case, and from where."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

from django.contrib.auth.models import AnonymousUser, Group
from django.db.models import Manager, QuerySet
from django.http import HttpRequest

from fileman import conf


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Validators of host projects get it as their `request`."""

    user: Any
    """A user of the project, or AnonymousUser."""
    origin: str | None = None
    """The browser's Origin header, as sent."""
    site_url: str = "/"
    """Base of this server's absolute URLs: "https://host/"."""

    @classmethod
    def from_request(cls, request: HttpRequest) -> Self:
        """Return the caller of an HTTP request. Raises Django's DisallowedHost for a host that is not this server's."""
        site_url = conf.settings().PUBLIC_URL or request.build_absolute_uri("/")
        return cls(user=request.user, origin=request.headers.get("Origin"), site_url=site_url)

    @property
    def is_signed_in(self) -> bool:
        return bool(self.user.is_authenticated and self.user.is_active)

    @property
    def groups(self) -> QuerySet[Group]:
        """The user's groups by the user model's own relation, whatever its name; none without such a relation."""
        relation = getattr(self.user, "groups", None)
        if self.is_signed_in and isinstance(relation, Manager) and issubclass(relation.model, Group):
            return relation.all()
        return Group.objects.none()

    @cached_property
    def group_ids(self) -> frozenset[Any]:
        """Primary keys of the user's groups; one SQL statement, once."""
        return frozenset(self.groups.values_list("pk", flat=True))

    def has_perm(self, permission: str) -> bool:
        # A user model without PermissionsMixin has no permissions.
        return self.is_signed_in and hasattr(self.user, "has_perm") and self.user.has_perm(permission)


ANONYMOUS = Caller(user=AnonymousUser())
