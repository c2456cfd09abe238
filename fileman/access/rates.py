"""Rates: how much one user, and one address, may do in a minute.

Django's cache counts in fixed windows, so twice as much may pass around the turn of a minute. If the cache fails, no
rates apply: they keep excess away but protect no file, and uploads must not depend on them.
"""

import logging
import time
import unicodedata
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import wraps
from hashlib import sha256
from typing import Any, Literal

from django.core.cache import BaseCache, caches
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils import timezone

from fileman import conf
from fileman.caller import Caller, get_address
from fileman.errors import RateLimited

Action = Literal["INITIATED_FILES", "REFRESHES", "FINALIZES", "CHANGES", "DOWNLOAD_URLS", "SIGN_INS"]
logger = logging.getLogger("fileman.rates")
WINDOW_SECONDS = 60
ADDRESS_FACTOR = 10  # many users share an address
BLOCK = 10  # URLs
PAUSE_SECONDS = 60
_paused_until = 0.0


def count(caller: Caller, action: Action, amount: int = 1, *, now: datetime) -> None:
    """Count towards the rates of the caller's user and address. Raises RateLimited above one of them."""
    if caller.is_rate_limited:
        user = {f"user {caller.user.pk}": 1} if caller.is_signed_in else {}
        address = {f"address {caller.address}": ADDRESS_FACTOR} if caller.address else {}
        _count(action, user | address, amount, now)


def count_download_url(caller: Caller, *, now: datetime) -> None:
    """Count a URL: the first one of a request alone, further ones in blocks, because a page may have a hundred."""
    left = caller.counted_ahead.get("urls")
    if not left:
        left = 1 if left is None else BLOCK
        count(caller, "DOWNLOAD_URLS", left, now=now)
    caller.counted_ahead["urls"] = left - 1


def limit_sign_ins(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Return the sign-in view with a rate: 429 for too many attempts of a name from an address, or of one of them."""

    @wraps(view)
    def limited(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        given, address = request.POST.get("username"), get_address(request)
        alone = {f"address {address}": ADDRESS_FACTOR} if address else {}
        try:
            if given is not None:
                name = unicodedata.normalize("NFKC", given).strip().casefold()  # as sign-in forms and databases read it
                _count("SIGN_INS", {f"{address} {name}": 1, f"name {name}": ADDRESS_FACTOR, **alone}, 1, timezone.now())
        except RateLimited as error:
            headers = {"Retry-After": str(error.retry_after_seconds)}
            return HttpResponse(error.message, status=429, content_type="text/plain", headers=headers)
        return view(request, *args, **kwargs)

    return limited


def _count(action: Action, factors: Mapping[str, int], amount: int, now: datetime) -> None:
    global _paused_until
    settings = conf.settings()
    if not settings.RATE_CACHE or time.monotonic() < _paused_until:
        return
    cache, limit = caches[settings.RATE_CACHE], getattr(settings, f"{action}_PER_MINUTE")
    minute, second = divmod(int(now.timestamp()), WINDOW_SECONDS)
    try:
        counts = {who: _add(cache, f"{action} {minute} {who}", amount) for who in factors}
    except Exception as error:  # noqa: BLE001 - every cache has errors of its own
        # Without the pause each request would wait for the time-out of the cache.
        _paused_until = time.monotonic() + PAUSE_SECONDS
        logger.warning("no rates for %s seconds, because the cache fails: %r", PAUSE_SECONDS, error)
        return
    if any(counts[who] > limit * factor for who, factor in factors.items()):
        left = WINDOW_SECONDS - second
        raise RateLimited(f"Too many requests. Try again in {left} seconds.", retry_after_seconds=left)


def _add(cache: BaseCache, what: str, amount: int) -> int:
    """Return the count, with this amount."""
    # memcached refuses spaces, control characters and long keys.
    key = f"fileman.rates.{sha256(what.encode('utf-8', 'surrogatepass')).hexdigest()}"
    return amount if cache.add(key, amount, 2 * WINDOW_SECONDS) else cache.incr(key, amount)
