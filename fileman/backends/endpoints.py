"""Checks of the endpoints and prefixes in the settings of every cloud backend.

A public host is never this machine, its network or the metadata service of its cloud.
"""

import re
import socket
from contextlib import suppress
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import SplitResult, urlsplit

from django.conf import settings as django_settings

from fileman import conf

# An object's name has at most 1024 bytes. The rest is for the names below the prefix.
PREFIX_MAX_BYTES = 500
_PORTS = {"https": 443, "http": 80}
_NAT64 = IPv6Network("64:ff9b::/96")
_GLOBAL_UNICAST = IPv6Network("2000::/3")
# Global by the registry of IANA, or by that of older Pythons: Oracle's metadata service, anycast of 6to4, the host of
# Azure's virtual machines, which is a metadata service too.
_NOT_PUBLIC = [IPv4Network(text) for text in ("192.0.0.0/24", "192.88.99.0/24", "168.63.129.16/32")]
# RFC 6761, 6762 and 8375; "internal" is reserved by ICANN and used by clouds; the others are in common use.
_PRIVATE_NAME = re.compile(r"[^.]*|.*\.(localhost|localdomain|local|internal|intranet|private|corp|home|lan|arpa)")
_LABEL = "[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"({_LABEL}\.)*(?![0-9]){_LABEL}")


def parsed(url: str) -> SplitResult:
    """Return the parts of a URL, all empty for a malformed one such as "https://["."""
    try:
        return urlsplit("" if url != url.strip() or set(url) & set("\t\r\n") else url)  # else it drops these
    except ValueError:
        return urlsplit("")


def prefix_problems(prefix: str) -> list[str]:
    """Return the problems of the prefix in `backend_url`."""
    if len(prefix.encode()) > PREFIX_MAX_BYTES:
        return [f"The prefix in backend_url must have at most {PREFIX_MAX_BYTES} bytes."]
    folders = prefix.removesuffix("/").split("/") if prefix else []
    if any(name.rstrip(".") == "" for name in folders) or "\\" in prefix or not prefix.isprintable():
        return ["The prefix in backend_url must be plain folder names, each followed by one slash."]
    return []


def path_below(url: SplitResult, base: SplitResult) -> str | None:
    """Return the path of a URL below another one, or None if it is elsewhere."""
    folder = base.path.rstrip("/")
    is_below = get_origin(url) == get_origin(base) and f"{url.path}/".startswith(f"{folder}/")
    return url.path.removeprefix(folder).removeprefix("/") if is_below else None


def normalize(url: str) -> str:
    """Return a URL with its scheme and host in lowercase, without the usual port and a slash at its end."""
    parts = parsed(url)
    return parts._replace(netloc=get_origin(parts).partition("://")[2], path=parts.path.rstrip("/")).geturl()


def private_problem(url: SplitResult, *, name: str) -> str:
    """Return the sentence for an address in a private network, with the line that allows it."""
    return f"{name} leads to an address that is not public. If it may, {advise_trust(url)}."


def advise_trust(url: SplitResult) -> str:
    return f"add {get_origin(url)!r} to TRUSTED_ENDPOINTS in FILEMAN_SETTINGS"


def is_trusted(url: SplitResult, *, as_origin: bool = False) -> bool:
    """Return True if TRUSTED_ENDPOINTS has the host, "host:port" or origin of the URL; `as_origin`: the origin."""
    host, usual_port = url.hostname or "", _PORTS.get(url.scheme)
    host = f"[{host}]" if ":" in host else host
    named = f"{host}:{url.port or usual_port}"
    names = {f"{url.scheme}://{named}", f"{url.scheme}://{named}".removesuffix(f":{usual_port}")}
    names |= set() if as_origin else {host, named}
    return any(entry.lower().rstrip("/") in names for entry in conf.settings().TRUSTED_ENDPOINTS)


def has_plain_host(url: SplitResult) -> bool:
    """Return True for http or https with a host and perhaps a port, without user and fragment."""
    host = url.hostname or ""
    name = f"[{host}]" if ":" in host else host
    try:
        # Not "host:0443": clients send no zeros, so a signature of the host with them would not match.
        is_whole = url.netloc.lower() in {name, f"{name}:{url.port}"} and url.port != 0 and not url.fragment
    except ValueError:
        return False
    return is_whole and url.scheme in _PORTS and is_plain(host)


def get_origin(url: SplitResult) -> str:
    """Return "https://host:port" in lowercase, without the usual port."""
    return f"{url.scheme}://{url.netloc.lower()}".removesuffix(f":{_PORTS.get(url.scheme)}")


def get_origins() -> list[str]:
    """Return the origins whose pages upload, as far as they are known: ALLOWED_ORIGINS, and this site's own."""
    known = filter(None, [*conf.settings().ALLOWED_ORIGINS, conf.settings().PUBLIC_URL])
    return list(dict.fromkeys(get_origin(parsed(one)) if "://" in one else one for one in known))


def origin_allowed(origin: str) -> bool:
    """Return True if pages of this origin may upload where a grant names the origin."""
    return not conf.settings().ALLOWED_ORIGINS or origin in get_origins()


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
