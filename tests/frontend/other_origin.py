"""A small page on other origins, and an API that allows some of them."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from tests.frontend.demo_server import demo_served
from tests.frontend.upload_page import SMALL_PARTS
from tests.servers.availability import REPOSITORY
from tests.servers.process import LOOPBACK

PAGE = Path(__file__).with_name("other_origin_page")
FOLDERS = {"uploader": REPOSITORY / "frontend_examples" / "uploader"}


class _Handler(SimpleHTTPRequestHandler):
    def translate_path(self, path: str) -> str:
        if path.startswith("/uploader/"):
            return str(FOLDERS["uploader"] / Path(path).name)
        return super().translate_path(path)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def page_served(folder: Path = PAGE) -> Iterator[str]:
    """Serve the page until the end of the block and yield its origin."""
    handler = partial(_Handler, directory=str(folder))
    with ThreadingHTTPServer((LOOPBACK, 0), handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://{LOOPBACK}:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def api_served(folder: Path, *origins: str) -> Iterator[str]:
    """Run the demo with its local disk only, for pages of these origins. Cookies need it on the same host."""
    given = {"CORS_ORIGINS": ",".join(origins), "FILEMAN_SETTINGS": json.dumps(SMALL_PARTS)}
    with demo_served(folder, with_clouds=False, **given) as port:
        yield f"http://{LOOPBACK}:{port}"
