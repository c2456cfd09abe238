"""nginx with the configuration of docs/deployment, but for its addresses, its certificate and TLS."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.availability import REPOSITORY, from_system
from tests.servers.process import Program, answers_http, free_port, running, temporary_folder

_FRAME = """
daemon off; master_process off; pid nginx.pid; error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
    {site}
}}
"""


@contextmanager
def serve(upstream: int, *, base_path: object = "/nowhere") -> Iterator[int]:
    """Yield the port of a proxy in front of a loopback port. `base_path`: of the files that nginx sends itself."""
    program, port = from_system("nginx", debian_package="nginx"), free_port()
    site = (REPOSITORY / "docs" / "deployment" / "nginx.conf").read_text()
    site = site.replace("/srv/fileman/var/uploads/", f"{base_path}/")
    for shipped, ours in (
        ("server 127.0.0.1:8000;", f"server 127.0.0.1:{upstream};"),
        ("listen 443 ssl;", f"listen 127.0.0.1:{port};"),
        ("ssl_certificate /etc/ssl/files.example.com.pem;", ""),
        ("ssl_certificate_key /etc/ssl/private/files.example.com.key;", ""),
    ):
        assert site.count(shipped) == 1
        site = site.replace(shipped, ours)
    with temporary_folder("nginx") as folder:
        (folder / "nginx.conf").write_text(_FRAME.format(site=site))
        command: list[str | Path] = [program, "-p", folder, "-c", "nginx.conf", "-e", "stderr"]
        with running(Program(command=command, folder=folder), ready=lambda: answers_http(port)):
            yield port
