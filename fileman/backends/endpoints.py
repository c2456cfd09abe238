"""Endpoints and prefixes in the settings of a file manager: what every cloud backend asks of them."""

from urllib.parse import SplitResult, urlsplit

from fileman import conf

PREFIX_MAX_BYTES = 500
"""Of the 1024 bytes that an object's name may have; the rest is left for the names below the prefix."""


def parsed(address: str) -> SplitResult:
    """Its parts, all empty where it is no address at all ("https://[")."""
    try:
        return urlsplit(address)
    except ValueError:
        return urlsplit("")


def folder(path: str) -> str:
    """ "some/folder" and "/some/folder/" as a prefix: "some/folder/"; "" stays ""."""
    bare = path.removeprefix("/").removesuffix("/")
    return f"{bare}/" if bare else ""


def prefix_problems(prefix: str) -> list[str]:
    """What is wrong with the prefix in `backend_url`."""
    if len(prefix.encode()) > PREFIX_MAX_BYTES:
        return [f"The prefix in backend_url may have at most {PREFIX_MAX_BYTES} bytes."]
    folders = prefix.removesuffix("/").split("/") if prefix else []
    if any(name.rstrip(".") == "" for name in folders) or "\\" in prefix or not prefix.isprintable():
        return ["The prefix in backend_url must be plain folder names, each followed by one slash."]
    return []


def endpoint_problems(endpoint: str | None, *, setting: str) -> list[str]:
    """What is wrong with the address of a store: scheme, host and port, nothing more."""
    if not endpoint:
        return []
    url = parsed(endpoint)
    if not has_plain_host(url) or url.path.strip("/") or url.query:
        return [f'{setting} must look like "https://host" or "https://host:port".']
    return insecurity_problems(url, setting=setting)


def insecurity_problems(url: SplitResult, *, setting: str) -> list[str]:
    """Plain http is for development."""
    if url.scheme == "http" and not conf.insecure_endpoints_allowed():
        return [f"{setting} must be https; ALLOW_INSECURE_ENDPOINTS in FILEMAN_SETTINGS lifts this."]
    return []


def has_plain_host(url: SplitResult) -> bool:
    """http or https, a host, perhaps a port; no user, no fragment."""
    try:
        is_plain = bool(url.hostname) and "@" not in url.netloc and not url.fragment and url.port != 0
    except ValueError:
        return False
    return is_plain and url.scheme in {"https", "http"}


def get_origin(url: SplitResult) -> str:
    """ "https://host:port"."""
    return f"{url.scheme}://{url.netloc.lower()}"
