"""A page in Chromium with its complaints and its requests."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, StorageState

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"], "resultTypes": ["violations"]}
COLOURS = RULES | {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
"""What another colour scheme may change."""
FEW_BYTES = 40_000
"""More than the calls of one upload, far less than a file."""
Scheme = Literal["light", "dark"]


@dataclass(frozen=True, kw_only=True)
class Watched:
    """A page with its own browser profile."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    """Errors and warnings of the console, and uncaught exceptions of scripts."""
    requests: list[Request] = field(default_factory=list)
    """In the order in which they were sent."""

    def bytes_sent(self) -> Counter[str]:
        """Return the bytes of request bodies for each origin, by their Content-Length."""
        sent: Counter[str] = Counter()
        for request in self.requests:
            address = urlsplit(request.url)
            sent[f"{address.scheme}://{address.netloc}"] += int(request.all_headers().get("content-length", 0))
        return sent

    def expect_bytes(self, size: int, *, site: str, passes_the_server: bool) -> None:
        """Expect so many bytes of a file at the server or at a storage, and no more than calls at the other."""
        sent = self.bytes_sent()
        to_server = sent.pop(site)
        to_storage = sum(sent.values())
        at, elsewhere = (to_server, to_storage) if passes_the_server else (to_storage, to_server)
        assert (size <= at <= size + FEW_BYTES, elsewhere <= (0 if passes_the_server else FEW_BYTES)) == (True, True)


@contextmanager
def watching(browser: Browser, site: str, state: StorageState | None, *, scheme: Scheme = "light") -> Iterator[Watched]:
    """Yield a new, empty page. Its URLs may be relative to the site."""
    context = browser.new_context(
        base_url=site, storage_state=state, color_scheme=scheme, viewport={"width": 1280, "height": 800}
    )
    watched = Watched(page=context.new_page())

    def heard(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            watched.complaints.append(message.text)

    context.on("console", heard)
    context.on("weberror", lambda error: watched.complaints.append(str(error.error)))
    context.on("request", lambda request: watched.requests.append(request))
    yield watched
    context.close()


def sign_in(page: Page, user: str = "demo") -> None:
    """Fill in the form for signing in, with the password that is the user's name in a demo."""
    page.fill("[name=username]", user)
    page.fill("[name=password]", user)
    page.keyboard.press("Enter")


def signed_in_at(browser: Browser, site: str) -> StorageState:
    """Return the cookies of the user demo after signing in with the form."""
    with watching(browser, site, None) as watched:
        watched.page.goto("/accounts/login/?next=/graphql")
        sign_in(watched.page)
        watched.page.wait_for_url(f"{site}/graphql")
        return watched.page.context.storage_state()


AT_REST = """async () => {
    await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
    const running = () => document.getAnimations().filter((animation) => animation.playState === "running");
    while (running().length) await Promise.allSettled(running().map((animation) => animation.finished));
}"""


def come_to_rest(page: Page) -> None:
    """Wait until the last change is drawn and all animations have ended, also those that others start."""
    page.evaluate(AT_REST)


def accessibility_faults(
    page: Page, *, schemes: Sequence[Scheme] = ("light", "dark"), without: str | None = None
) -> list[tuple[str, str, Scheme]]:
    """Return rule, selector and colours of each violation of WCAG 2.2 AA and good practice that axe finds; `without`
    selects elements to skip."""
    context = {"exclude": [[without]]} if without else None
    faults = []
    for scheme in schemes:
        page.emulate_media(color_scheme=scheme)
        come_to_rest(page)
        options = RULES if scheme == schemes[0] else COLOURS
        for violation in Axe().run(page, context=context, options=options).response["violations"]:
            faults += [(violation["id"], str(node["target"][0]), scheme) for node in violation["nodes"]]
    return faults


@contextmanager
def throttled(page: Page, bytes_per_second: int) -> Iterator[Callable[[int], None]]:
    """Slow uploads down until the end of the block. Yields a function that sets another speed."""
    session = page.context.new_cdp_session(page)

    def limit(bytes_per_second: int) -> None:
        limits = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": bytes_per_second}
        session.send("Network.emulateNetworkConditions", limits)

    limit(bytes_per_second)
    yield limit
    session.detach()
