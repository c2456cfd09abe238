"""Connections to storages: no redirects, and only to addresses that are public or that the settings trust.

One connection class under requests (Google, Azure) and botocore. Behind a proxy the SDKs connect to the proxy, which
must then refuse private addresses itself. Needs urllib3, which comes with every SDK.
"""

import socket
from collections.abc import Callable
from typing import Any
from urllib.parse import SplitResult

from urllib3.connection import HTTPConnection
from urllib3.exceptions import HTTPError, NameResolutionError
from urllib3.util import Retry

from fileman.backends.addresses import is_reachable, resolve
from fileman.backends.endpoints import parsed, private_problem
from fileman.errors import StorageMisconfigured

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
