"""That a request with a cookie comes from our own pages: a token that only they can read, and what the browser says of its origin."""

from __future__ import annotations

import hashlib
import hmac
from urllib.parse import urlsplit

from starlette.datastructures import Headers

__all__ = ["CSRF_HEADER", "SAFE", "csrf_token", "foreign_origin", "is_csrf_token"]

CSRF_HEADER = "X-CSRF-Token"
SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
LABEL = b"wanmi csrf 1"


def csrf_token(session_token: str) -> str:
    """Returns the token that belongs to a session; who knows it knows nothing of the session's own.

    >>> len(csrf_token("x" * 43)), csrf_token("x" * 43) == csrf_token("y" * 43)
    (64, False)
    """
    return hmac.new(session_token.encode(), LABEL, hashlib.sha256).hexdigest()


def is_csrf_token(session_token: str, headers: Headers) -> bool:
    """Tells whether a request carries the token of its session, compared in constant time.

    >>> is_csrf_token("x" * 43, Headers({"X-CSRF-Token": csrf_token("x" * 43)})), is_csrf_token("x" * 43, Headers({}))
    (True, False)
    """
    given = headers.getlist(CSRF_HEADER)
    return len(given) == 1 and hmac.compare_digest(given[0].encode(), csrf_token(session_token).encode())


def foreign_origin(headers: Headers) -> bool:
    """Tells whether a browser says that a page of somebody else sends this.

    Browsers send ``Sec-Fetch-Site`` only over https and to loopback, ``Origin`` with every unsafe request; programs send neither.
    The scheme is not compared: behind a proxy that ends TLS it is not known here.

    >>> foreign_origin(Headers({"Host": "a:8000", "Origin": "http://a:8000"})), foreign_origin(Headers({"Host": "a", "Origin": "null"}))
    (False, True)
    >>> foreign_origin(Headers({"Host": "a", "Sec-Fetch-Site": "same-site"})), foreign_origin(Headers({"Host": "a"}))
    (True, False)
    """
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return True
    origins = headers.getlist("origin")
    return any(urlsplit(origin).netloc.lower() != headers.get("host", "").lower() or not urlsplit(origin).netloc for origin in origins)
