"""What administrators read and change: on the owner's connection, in a thread, in one transaction with its row of the audit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, TypeVar

from fastapi import Depends, Request
from sqlalchemy import Connection, Engine

from api.access import STRANGER, Actor
from api.auth.office import office_of
from spatial.accounts.model import AccountError
from spatial.audit.record import Entry, Result, record
from spatial.rights.rules import RuleError

__all__ = ["Desk", "DeskDep", "Told"]

Answer = TypeVar("Answer")
# What a change answers, and what the audit is told of it; None where the work has written its row itself.
Told = tuple[Answer, Mapping[str, object] | None]


class Desk:
    """Hands work to the owner's engine; ``actor`` is whoever the route's ``Requires`` let in."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._counter = office_of(request).counter

    @property
    def actor(self) -> Actor:
        """Who acts."""
        actor: Actor = getattr(self._request.state, "actor", STRANGER)
        return actor

    @property
    def number(self) -> int | None:
        """The actor's account id for the audit; None where nobody is signed in."""
        return self.actor.account or None

    async def read(self, work: Callable[[Connection], Answer]) -> Answer:
        """Returns what the work reads; it changes nothing."""
        return await self._counter.run(work)

    async def change(self, action: str, thing: str, work: Callable[[Connection], Told[Answer]]) -> Answer:
        """Returns what the work answers once it is committed together with its row of the audit; a refusal is audited as well.

        Args:
            action: dotted words, e.g. ``account.add``.
            thing: on what, e.g. ``account/li``.
        """

        def entry(result: Result, detail: Mapping[str, object]) -> Entry:
            return Entry(action, result, self.number, self.actor.name or None, self.actor.address, thing[:300], detail)

        def run(engine: Engine) -> Answer:
            try:
                with engine.begin() as connection:
                    answer, detail = work(connection)
                    if detail is not None:
                        record(connection, entry("ok", detail))
                    return answer
            except (AccountError, RuleError) as error:
                with engine.begin() as connection:
                    record(connection, entry("refused", {"rule": error.rule, "value": error.value[:200]}))
                raise

        return await self._counter.call(run)


async def _desk(request: Request) -> Desk:
    return Desk(request)


DeskDep = Annotated[Desk, Depends(_desk)]
