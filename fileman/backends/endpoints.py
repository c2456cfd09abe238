"""Checks of the endpoints and prefixes in the settings of every cloud backend."""

from urllib.parse import SplitResult, urlsplit

from fileman import conf

# An object's name has at most 1024 bytes. The rest is for the names below the prefix.
PREFIX_MAX_BYTES = 500


def parsed(url: str) -> SplitResult:
    """Return the parts of a URL, all empty for a malformed one such as "https://["."""
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")


def folder(path: str) -> str:
    """Return the prefix "some/folder/" for "some/folder" and "/some/folder/", "" for ""."""
    bare = path.removeprefix("/").removesuffix("/")
    return f"{bare}/" if bare else ""


def prefix_problems(prefix: str) -> list[str]:
    """Return the problems of the prefix in `backend_url`."""
    if len(prefix.encode()) > PREFIX_MAX_BYTES:
        return [f"The prefix in backend_url must have at most {PREFIX_MAX_BYTES} bytes."]
    folders = prefix.removesuffix("/").split("/") if prefix else []
    if any(name.rstrip(".") == "" for name in folders) or "\\" in prefix or not prefix.isprintable():
        return ["The prefix in backend_url must be plain folder names, each followed by one slash."]
    return []


def endpoint_problems(endpoint: str | None, *, setting: str) -> list[str]:
    """Return the problems of a store's endpoint: it has a scheme, a host and perhaps a port, nothing more."""
    if not endpoint:
        return []
    url = parsed(endpoint)
    if not has_plain_host(url) or url.path.strip("/") or url.query:
        return [f'{setting} must look like "https://host" or "https://host:port".']
    return insecurity_problems(url, setting=setting)


def insecurity_problems(url: SplitResult, *, setting: str) -> list[str]:
    """Return a problem for plain http, unless the settings allow it."""
    if url.scheme == "http" and not conf.insecure_endpoints_allowed():
        return [f"{setting} must be https. Set ALLOW_INSECURE_ENDPOINTS in FILEMAN_SETTINGS to allow http."]
    return []


def has_plain_host(url: SplitResult) -> bool:
    """Return True for http or https with a host and perhaps a port, without user and fragment."""
    try:
        is_plain = bool(url.hostname) and "@" not in url.netloc and not url.fragment and url.port != 0
    except ValueError:
        return False
    return is_plain and url.scheme in {"https", "http"}


def get_origin(url: SplitResult) -> str:
    """Return "https://host:port" in lowercase."""
    return f"{url.scheme}://{url.netloc.lower()}"
