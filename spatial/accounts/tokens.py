"""Tokens of sessions and keys: 256 random bits that only their holder has; the database keeps their hash."""

from __future__ import annotations

import hashlib
import re
import secrets

__all__ = ["TOKEN_BYTES", "digest", "is_token", "new_token"]

TOKEN_BYTES = 32
PATTERN = re.compile(r"[A-Za-z0-9_-]{43}")


def new_token() -> str:
    """Makes a token of 43 characters that may stand in a cookie or header.

    >>> is_token(new_token())
    True
    """
    return secrets.token_urlsafe(TOKEN_BYTES)


def is_token(text: str) -> bool:
    """Tells whether a text can be a token at all.

    >>> is_token("x" * 43), is_token("x" * 44), is_token("")
    (True, False, False)
    """
    return PATTERN.fullmatch(text) is not None


def digest(token: str) -> bytes:
    """Returns the SHA-256 of a token; with 256 random bits there is nothing to guess, so a slow hash would add only time.

    >>> len(digest("x"))
    32
    """
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
