"""moto behind one small wrapper, run by the Python of `.venv-servers`: `python moto_with_cors.py <port>`.

moto's default mode allows every origin, also for presigned POST, but exposes no headers to scripts, so a page cannot
read an ETag. Its other mode obeys the CORS rules of the bucket, but not for presigned POST.
"""

import sys
from collections.abc import Callable, Iterable
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import run_simple  # type: ignore[import-not-found]  # lives in .venv-servers only

EXPOSED = ("Access-Control-Expose-Headers", "ETag, Location, x-amz-request-id, x-amz-version-id")

Environment = dict[str, Any]
StartResponse = Callable[..., Any]


class ExposingHeaders:
    """Wraps a WSGI application so that scripts may read the headers of its responses."""

    def __init__(self, application: Callable[[Environment, StartResponse], Iterable[bytes]]) -> None:
        self._application = application

    def __call__(self, environment: Environment, start_response: StartResponse) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            return start_response(status, [*headers, EXPOSED], *rest)

        return self._application(environment, start)


if __name__ == "__main__":
    application = ExposingHeaders(DomainDispatcherApplication(create_backend_app))
    run_simple("127.0.0.1", int(sys.argv[1]), application, threaded=True, request_handler=MotoRequestHandler)
