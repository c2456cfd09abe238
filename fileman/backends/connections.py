"""Connections to storages: no redirects, and only to addresses that are public or that the settings trust.

One connection class under requests (Google, Azure) and botocore. Behind a proxy the SDKs connect to the proxy, which
must then refuse private addresses itself. Needs urllib3, which comes with every SDK.
"""

import os
import socket
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import SplitResult
from urllib.request import getproxies, proxy_bypass

from urllib3 import BaseHTTPResponse, PoolManager, ProxyManager, Timeout, encode_multipart_formdata
from urllib3.connection import HTTPConnection
from urllib3.exceptions import HTTPError, NameResolutionError
from urllib3.util import Retry

from fileman import conf
from fileman.backends.endpoints import is_reachable, parsed, private_problem, resolve
from fileman.backends.values import UploadRequest
from fileman.errors import StorageMisconfigured, StorageUnavailable

# As azure-core has it, for quick uploads.
BLOCK_BYTES = 32 * 1024
Trusts = Callable[[SplitResult], bool]


class _CheckedConnection(HTTPConnection):
    """Looks up the name once, and connects to no other address than the checked ones."""

    scheme: str
    trusts: Trusts

    def _new_conn(self) -> socket.socket:
        host = self._dns_host
        url = parsed(f"{self.scheme}://{f'[{host}]' if ':' in host else host}:{self.port}")
        if self.trusts(url):
            return super()._new_conn()
        try:
            addresses = resolve(host)
        except socket.gaierror as error:
            raise NameResolutionError(host, self, error) from error
        if not all(map(is_reachable, addresses)):
            raise StorageMisconfigured(private_problem(url, name=host))
        failure = HTTPError()
        for self._dns_host in addresses:
            try:
                return super()._new_conn()
            except HTTPError as error:
                failure = error
            finally:
                self._dns_host = host  # certificates are checked against it
        raise failure


def check_addresses(manager: Any, trusts: Trusts) -> None:
    """Make urllib3's PoolManager check each new connection."""
    pools = dict(manager.pool_classes_by_scheme)
    for scheme, pool in pools.items():
        own = {"scheme": scheme, "trusts": staticmethod(trusts)}
        connection = type("CheckedConnection", (_CheckedConnection, pool.ConnectionCls), own)
        pools[scheme] = type(f"Checked{pool.__name__}", (pool,), {"ConnectionCls": connection})
    manager.pool_classes_by_scheme = pools


def new_session(retry: Retry, trusts: Trusts | None) -> Any:
    """Return a requests.Session that follows no redirect. None: it connects to any address."""
    import requests  # botocore does without

    session: Any = requests.Session()
    session.get_redirect_target = lambda _: None
    for scheme in ("https://", "http://"):
        adapter = requests.adapters.HTTPAdapter(max_retries=retry, pool_maxsize=32)
        adapter.poolmanager.connection_pool_kw["blocksize"] = BLOCK_BYTES
        if trusts:
            check_addresses(adapter.poolmanager, trusts)
        session.mount(scheme, adapter)
    return session


def send_as_client(
    method: str, url: str, trusts: Trusts, *, headers: Mapping[str, str] | None = None, data: Any = b""
) -> BaseHTTPResponse:
    """Send a request or a form as a browser would, through the proxy of this server. Raises StorageError."""
    place, limits, headers = parsed(url), conf.settings(), dict(headers or {})
    if not isinstance(data, bytes):
        data, headers["Content-Type"] = encode_multipart_formdata(data)
    proxy = None if proxy_bypass(place.hostname or "") else getproxies().get(place.scheme)
    timeout = Timeout(connect=limits.STORAGE_CONNECT_TIMEOUT_SECONDS, read=limits.STORAGE_READ_TIMEOUT_SECONDS)
    certificates = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("AWS_CA_BUNDLE")
    options: dict[str, Any] = {"timeout": timeout, "ca_certs": certificates}
    with ProxyManager(proxy, **options) if proxy else PoolManager(**options) as manager:
        if not proxy:
            check_addresses(manager, trusts)
        try:
            return manager.request(method, url, headers=headers, body=data, retries=False, redirect=False)
        except HTTPError as error:
            raise StorageUnavailable from error


def send_slice(request: UploadRequest, data: bytes, trusts: Trusts) -> BaseHTTPResponse:
    """Send a slice as the instructions of a client say: raw, or as the last field of a form."""
    body: Any = [*request.fields, (request.file_field, ("file", data))] if request.file_field else data
    return send_as_client(request.method, request.url, trusts, headers=dict(request.headers), data=body)
