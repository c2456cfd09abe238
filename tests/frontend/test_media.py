"""The documented way to play on after a download URL has expired, in Chromium."""

import re
import wave
from io import BytesIO
from typing import Any

import pytest
from django.conf import settings
from playwright.sync_api import Browser, Route

pytestmark = pytest.mark.browser
SITE = "http://media.test"
SNIPPET = re.search(r"```js\n(.*?)```", (settings.BASE_DIR / "docs" / "security.md").read_text(), re.DOTALL)
START = """async () => {
  window.asked = 0;
  const media = document.querySelector("audio");
  keepPlaying(media, async () => { asked += 1; return "/new"; });
  media.src = "/old";
  await media.play();
  media.currentTime = 250;
}"""
GOES_ON = "() => { const media = document.querySelector('audio'); return !media.paused && media.currentTime > 250.1; }"


def test_a_player_goes_on_where_its_url_expired(browser: Browser) -> None:
    """It asks for another URL once, keeps the time and plays."""
    assert SNIPPET is not None
    sound = BytesIO()
    with wave.open(sound, "wb") as file:
        file.setparams((2, 2, 44_100, 0, "NONE", ""))
        file.writeframes(bytes(300 * 4 * 44_100))
    data, page = sound.getvalue(), f"<audio></audio><script>{SNIPPET[1].replace('export ', '')}</script>"

    def serve(route: Route) -> None:
        path, start = route.request.url.removeprefix(SITE), 0
        if path == "/":
            route.fulfill(body=page, content_type="text/html")
            return
        if found := re.match(r"bytes=(\d+)", route.request.headers.get("range", "")):
            start = int(found[1])
        piece = data[start : start + 2**20]
        headers: dict[str, Any] = {"Content-Range": f"bytes {start}-{start + len(piece) - 1}/{len(data)}"}
        expired = path == "/old" and start > 0
        route.fulfill(status=403 if expired else 206, body=piece, headers={**headers, "Content-Type": "audio/wav"})

    context = browser.new_context()
    context.route("**/*", serve)
    shown = context.new_page()
    shown.goto(f"{SITE}/")
    shown.evaluate(START)
    shown.wait_for_function(GOES_ON)
    assert shown.evaluate("asked") == 1
    context.close()
