"""Who may use an endpoint: every route declares it here, a test walks all routes and fails for one without.

There are no accounts yet. Until there are, the server binds loopback only and takes requests for loopback names
only (a foreign name pointing here would be DNS rebinding), and everyone who reaches it is the operator of the machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from fastapi import Request

__all__ = ["LOOPBACK_HOSTS", "Action", "Actor", "Requires"]

LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "[::1]")


class Action(StrEnum):
    """What an endpoint does, for the right to decide on."""

    OPEN = "open"  # landing, conformance, health, static files: no data of a city
    READ = "read"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks. One kind exists so far: the operator of the machine."""

    name: str


@dataclass(frozen=True, slots=True)
class Requires:
    """Dependency that declares and enforces an action; answers who acts."""

    action: Action

    async def __call__(self, request: Request) -> Actor:
        """Returns the actor of this request."""
        return Actor("operator")
