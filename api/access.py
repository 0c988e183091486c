"""Who may use an endpoint: every route declares it here, a test walks all routes and fails for one without.

Data answers to the right in the database; here stands only whether somebody may come to the counter at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, Protocol

from fastapi import Request

__all__ = ["ADMINISTRATOR", "LOOPBACK_HOSTS", "STRANGER", "Action", "Actor", "Doorkeeper", "Requires"]

LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "[::1]")


class Action(StrEnum):
    """What an endpoint does, for the right to decide on."""

    OPEN = "open"  # landing, conformance, health, static files, log-in: no data of a city
    ME = "me"  # who one is, a new password, log-out: also while the password has to be changed
    SELF = "self"  # one's own sessions and keys: any person who is signed in
    READ = "read"
    EXPORT = "export"
    EDIT = "edit"
    IMPORT = "import"
    UNMASK = "unmask"
    JOBS = "jobs"  # one's own jobs
    USERS = "users"
    RIGHTS = "rights"
    AUDIT = "audit"


# The three separated administrators each have one counter and no other; business roles have all the others (三员分立).
ADMINISTRATOR = {Action.USERS: "sysadmin", Action.RIGHTS: "secadmin", Action.AUDIT: "auditor"}


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks.

    Attributes:
        account: account id, the context of every query (0: a stranger, who sees nothing).
        roles: keys of the roles held.
        via: how the actor came: cookie, API key, the switched-on public role, or as a stranger.
        scopes: of the API key; empty otherwise.
        session: id of the session, where there is one.
        address: network address of the client.
    """

    account: int
    name: str
    title: str
    roles: tuple[str, ...] = ()
    via: Literal["session", "key", "public", "stranger"] = "session"
    scopes: tuple[str, ...] = ()
    session: int | None = None
    address: str | None = None


STRANGER = Actor(0, "", "", via="stranger")


class Doorkeeper(Protocol):
    """Who decides (``api.auth.door``); the application carries it in ``state.door``."""

    async def admit(self, request: Request, action: Action) -> Actor:
        """Returns who acts, or raises what the answer is."""


@dataclass(frozen=True, slots=True)
class Requires:
    """Dependency that declares and enforces an action; answers who acts and leaves it in ``request.state.actor``."""

    action: Action

    async def __call__(self, request: Request) -> Actor:
        """Returns the actor of this request.

        Raises:
            ApiError: 401 without credentials that hold, 403 for a counter that is not the actor's.
        """
        door: Doorkeeper = request.app.state.door
        actor = await door.admit(request, self.action)
        request.state.actor = actor
        return actor
