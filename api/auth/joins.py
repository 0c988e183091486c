"""Where the ways to sign in meet: what the routes of second factors and outside identities need of the log-in itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeVar
from urllib.parse import urlsplit

from fastapi import Request, Response
from sqlalchemy import Connection, Engine

from spatial.accounts.model import Account
from spatial.accounts.sealing import Sealer

__all__ = ["AnswerMe", "FinishLogin", "How", "Joins", "Owner", "local_page"]

How = Literal["password", "code", "oidc", "change"]
Result = TypeVar("Result")
LONGEST_PAGE = 1000


class FinishLogin(Protocol):
    """The common end of every way to sign in (``api.auth.session.finish_login``)."""

    async def __call__(self, request: Request, account: Account, how: How, response: Response) -> Any:
        """Opens the session, sets its cookie on the response, adds the audit's row; returns who acts now, for ``AnswerMe``."""


class AnswerMe(Protocol):
    """What a log-in answers (``api.auth.session.answer_me``)."""

    async def __call__(self, request: Request, caller: Any, cookies: Response) -> Response:
        """Returns the document of ``/api/me`` with the cookies of a response."""


class Owner(Protocol):
    """Owner's work in threads, a few at once (``api.auth.bulkhead``)."""

    async def run(self, work: Callable[[Connection], Result]) -> Result:
        """Runs work in one transaction."""

    async def call(self, work: Callable[[Engine], Result]) -> Result:
        """Runs work that makes its own transactions."""


@dataclass(frozen=True, slots=True)
class Joins:
    """What ``create_app`` hands to the routers.

    Attributes:
        finish: the common end.
        answer: what a log-in answers.
        owner: where owner's work of a request runs.
        sealer: opens the secrets of second factors.
        address: network address of the client, proxies considered.
        forget: drops what this worker remembers of an account: its next click need not wait for the notification.
    """

    finish: FinishLogin
    answer: AnswerMe
    owner: Callable[[Request], Owner]
    sealer: Sealer
    address: Callable[[Request], str | None]
    forget: Callable[[Request, int], None]


def local_page(given: str) -> bool:
    """Tells whether a page to go to after log-in is one of ours: a path, whatever a browser makes of its spelling.

    >>> [local_page(page) for page in ("/", "/admin?tab=audit#x", "//evil", "/\\\\evil", "https://evil", "/\\tx", "", "/api/me")]
    [True, True, False, False, False, False, False, False]
    """
    if not given.startswith("/") or len(given) > LONGEST_PAGE or "\\" in given or not given.isprintable() or " " in given:
        return False
    try:
        parts = urlsplit(given)
    except ValueError:
        return False
    return not parts.scheme and not parts.netloc and not given.startswith(("//", "/api/"))
