"""Checks of the endpoints and prefixes in the settings of every cloud backend."""

from urllib.parse import SplitResult, urlsplit

from fileman import conf
from fileman.backends.addresses import is_plain

# An object's name has at most 1024 bytes. The rest is for the names below the prefix.
PREFIX_MAX_BYTES = 500
_PORTS = {"https": 443, "http": 80}


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
    """Return a URL with its scheme and host in lowercase and no slash at its end."""
    parts = parsed(url)
    return parts._replace(netloc=parts.netloc.lower(), path=parts.path.rstrip("/")).geturl()


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
    try:
        is_whole = "@" not in url.netloc and not url.fragment and url.port != 0 and not url.netloc.endswith(":")
    except ValueError:
        return False
    host = url.hostname or ""
    return is_whole and url.scheme in _PORTS and is_plain(host) and (":" in host) == ("[" in url.netloc)


def get_origin(url: SplitResult) -> str:
    """Return "https://host:port" in lowercase."""
    return f"{url.scheme}://{url.netloc.lower()}"
