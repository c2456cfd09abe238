"""Caller: who calls a use case, and from where."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any, Self

from django.contrib.auth.models import AnonymousUser, Group
from django.db.models import Manager, QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property

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
    address: str | None = None
    """Of the client, as `get_address` returns it. None: unknown, or there is no request."""
    is_rate_limited: bool = True
    """False: no rates apply, as to files that the server makes."""
    counted_ahead: dict[str, int] = field(default_factory=dict, repr=False, compare=False)  # see `rates`

    @classmethod
    def from_request(cls, request: HttpRequest) -> Self:
        """Return the caller of an HTTP request. Raises Django's DisallowedHost for a host that is not this server's."""
        site_url = conf.settings().PUBLIC_URL or request.build_absolute_uri("/")
        origin = request.headers.get("Origin")
        return cls(user=request.user, origin=origin, site_url=site_url, address=get_address(request))

    @cached_property
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
    def groups_by_id(self) -> Mapping[Any, Group]:
        """The user's groups by their primary keys; one SQL statement, once."""
        return self.groups.in_bulk()

    @cached_property
    def group_ids(self) -> frozenset[Any]:
        """Primary keys of the user's groups."""
        return frozenset(self.groups_by_id)

    def has_perm(self, permission: str) -> bool:
        # A user model without PermissionsMixin has no permissions.
        return self.is_signed_in and hasattr(self.user, "has_perm") and self.user.has_perm(permission)


def get_address(request: HttpRequest) -> str | None:
    """Return the client's network: one address of IPv4, /64 of IPv6; None for a socket or a proxy on this machine."""
    proxies, told = conf.settings().TRUSTED_PROXIES, request.META.get("REMOTE_ADDR", "")
    hops = request.headers.get("X-Forwarded-For", told).split(",")
    try:
        address = ip_address(hops[-proxies].strip() if 0 < proxies <= len(hops) else told)
    except ValueError:
        return None
    address = getattr(address, "ipv4_mapped", None) or address
    network = f"{address}/{64 if address.version == 6 else 32}"
    return None if address.is_loopback else str(ip_network(network, strict=False))


ANONYMOUS = Caller(user=AnonymousUser())
