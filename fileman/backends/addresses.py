"""Which hosts are public: never this machine, its network or the metadata service of its cloud."""

import re
import socket
from contextlib import suppress
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from django.conf import settings as django_settings

_NAT64 = IPv6Network("64:ff9b::/96")
_GLOBAL_UNICAST = IPv6Network("2000::/3")
# Global by the registry of IANA, or by that of older Pythons: Oracle's metadata service, anycast of 6to4, the host of
# Azure's virtual machines, which is a metadata service too.
_NOT_PUBLIC = [IPv4Network(text) for text in ("192.0.0.0/24", "192.88.99.0/24", "168.63.129.16/32")]
# RFC 6761, 6762 and 8375; "internal" is reserved by ICANN and used by clouds; the others are in common use.
_PRIVATE_NAME = re.compile(r"[^.]*|.*\.(localhost|localdomain|local|internal|intranet|private|corp|home|lan|arpa)")
_LABEL = "[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"({_LABEL}\.)*(?![0-9]){_LABEL}")


def is_plain(host: str) -> bool:
    """Return True for a name of ASCII labels, or an address in its usual form: no "0x7f.1", "2130706433" or "h."."""
    return len(host) <= 253 and bool(_NAME.fullmatch(host) or ("%" not in host and _parse(host)))


def is_reachable(host: str) -> bool:
    """Return True for a public address, a name that a public host can have and, under DEBUG, this machine."""
    address = _parse(host)
    if address.is_loopback if address else f".{host}".endswith(".localhost"):
        return bool(django_settings.DEBUG)
    return _is_public(address) if address else not _PRIVATE_NAME.fullmatch(host)


def resolve(host: str) -> list[str]:
    """Return the addresses of a host. Raises OSError."""
    return [str(address[0]) for *_, address in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]


def _parse(host: str) -> IPv4Address | IPv6Address | None:
    with suppress(ValueError):
        return ip_address(host)
    return None


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv6Address):
        embedded = IPv4Address(address.packed[-4:]) if address in _NAT64 else address.ipv4_mapped
        if embedded is None:
            return address in _GLOBAL_UNICAST and address.is_global and not address.sixtofour
        address = embedded
    return address.is_global and not address.is_multicast and not any(address in network for network in _NOT_PUBLIC)
