"""What a request brings to prove who asks. One proof only: two that differ would let each reader believe another one."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Literal

from starlette.datastructures import Headers

from api.errors import ApiError

__all__ = ["COOKIE", "Given", "read_credentials"]

COOKIE = "wanmi_session"
# Keys have 58 characters, tokens 43, names 32: nothing of ours comes near, and longer ones need not be looked at.
MOST_CHARACTERS = 512


@dataclass(frozen=True, slots=True)
class Given:
    """A token and how it came; ``user`` is the name that HTTP Basic brought."""

    token: str
    by: Literal["cookie", "key"]
    user: str = ""


def read_credentials(headers: Headers) -> Given | None:
    """Returns what a request brings, None where it brings nothing.

    >>> read_credentials(Headers({"Authorization": "Bearer abc"}))
    Given(token='abc', by='key', user='')
    >>> read_credentials(Headers({"Authorization": "Basic bGk6YWJj"}))
    Given(token='abc', by='key', user='li')
    >>> read_credentials(Headers({"Cookie": "a=1; wanmi_session=abc"}))
    Given(token='abc', by='cookie', user='')

    Raises:
        ApiError: 400; malformed, oversize, doubled or conflicting.
    """
    cookies, authorizations = _session_cookies(headers), headers.getlist("authorization")
    if len(cookies) + len(authorizations) > 1:
        raise _malformed("请求带有多个凭证，只能有一个", "the request brings more than one credential")
    for value in (*cookies, *authorizations):
        if len(value) > MOST_CHARACTERS or not value.isascii():
            raise _malformed("凭证过长或含有非 ASCII 字符", "the credential is too long or holds characters that are not ASCII")
    if cookies:
        return Given(cookies[0], "cookie")
    if not authorizations:
        return None
    scheme, _, rest = authorizations[0].strip().partition(" ")
    rest = rest.strip()
    if scheme.lower() == "bearer" and rest and " " not in rest:
        return Given(rest, "key")
    if scheme.lower() == "basic" and rest:
        return _basic(rest)
    raise _malformed(
        "Authorization 应为 Bearer 密钥，或以密钥为口令的 Basic", "Authorization is Bearer KEY, or Basic with the key as password"
    )


def _session_cookies(headers: Headers) -> list[str]:
    """Values of our cookie; an empty one is what a browser keeps of a deleted cookie."""
    pairs = (part.partition("=") for line in headers.getlist("cookie") for part in line.split(";"))
    return [value.strip() for name, _, value in pairs if name.strip() == COOKIE and value.strip()]


def _basic(encoded: str) -> Given:
    try:
        user, colon, password = base64.b64decode(encoded, validate=True).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError):
        user = colon = password = ""
    if not colon or not password:
        raise _malformed("Basic 凭证格式有误", "the Basic credential is malformed")
    return Given(password, "key", user)


def _malformed(zh: str, en: str) -> ApiError:
    return ApiError(400, "credentials", zh, en)
