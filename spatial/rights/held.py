"""What accounts hold: read from the compiled rules, kept in memory by each worker as long as it hears of changes."""

from __future__ import annotations

from collections.abc import Callable

from psycopg import AsyncConnection
from psycopg.rows import TupleRow
from sqlalchemy import Connection, text

from spatial.rights.model import Right, Scope

__all__ = ["RightCache", "right_of"]


def right_of(connection: Connection, account: int) -> Right:
    """Returns what an account holds, on the owner's connection."""
    rows = connection.execute(
        text("SELECT layer, action, areas, own IS NOT NULL FROM access.effective WHERE account = :account"), {"account": account}
    )
    return Right(account, {(layer, action): Scope(tuple(areas or ()), own) for layer, action, areas, own in rows})


class RightCache:
    """Rights by account. ``drop`` is what the worker's listener calls; while it is not trusted, nothing is served from here."""

    def __init__(self, trusted: Callable[[], bool] = lambda: False) -> None:
        self._held: dict[int, Right] = {}
        self._drops = 0
        self.trusted = trusted

    def drop(self, account: int | None) -> None:
        """Forgets an account, or (None) everybody."""
        self._drops += 1
        if account is None:
            self._held.clear()
        else:
            self._held.pop(account, None)

    def known(self, account: int) -> Right | None:
        """Returns what is known of an account and may be relied on."""
        return self._held.get(account) if self.trusted() else None

    async def read(self, connection: AsyncConnection[TupleRow], account: int) -> Right:
        """Asks the database, on a connection where the account acts."""
        drops = self._drops
        rows = await (await connection.execute("SELECT layer, action, areas, own FROM seen.rights()")).fetchall()
        right = Right(account, {(layer, action): Scope(tuple(areas or ()), own) for layer, action, areas, own in rows})
        if drops == self._drops:  # what was changed while it was read is read again next time
            self._held[account] = right
        return right
