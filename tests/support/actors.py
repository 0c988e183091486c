"""Requests in somebody's name, without logging in: a header says who, for tests of what comes after the log-in."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import FastAPI, Request

from api.access import Action, Actor, Requires
from spatial.accounts.model import Account

HEADER = "X-Test-Actor"


def actor_of(account: Account) -> Actor:
    """The actor that an account is."""
    return Actor(account.id, account.name, account.title, account.roles)


def speak_as(app: FastAPI, actors: Mapping[str, Actor], usual: str | None = None) -> None:
    """Has the application believe the header; ``usual`` speaks where there is none."""

    async def told(request: Request) -> Actor:
        actor = actors[request.headers.get(HEADER, usual or "")]
        request.state.actor = actor
        return actor

    for action in Action:
        if action is not Action.OPEN:
            app.dependency_overrides[Requires(action)] = told
