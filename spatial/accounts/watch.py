"""Hears of every account whose sessions, keys or rights changed, and knows whether it still hears (design §1.3).

Triggers send the account's id on ``wanmi_account``; ``*`` means everybody (rules changed). One connection per worker listens. It
counts as alive only while a question that it sent in the last second has been answered: notifications come in order on the same
connection, so whatever was committed before the question had arrived with the answer. Without that proof nobody may use what it
remembers, and after a new connection everything remembered is dropped: what was said meanwhile is lost.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from psycopg import AsyncConnection, Error

__all__ = ["CHANNEL", "Watch", "watching"]

CHANNEL = "wanmi_account"
PROVED_SECONDS = 1.0
# Three questions fit into the second, so that one slow answer does not send every request to the database.
ASK_SECONDS = 0.3
RETRY_SECONDS = 0.5
CONNECT_SECONDS = 2
log = logging.getLogger("wanmi.accounts")


class Watch:
    """Calls its subscribers with the id of an account that changed, or None for everything."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._subscribers: list[Callable[[int | None], None]] = []
        self._proved_at = float("-inf")

    def subscribe(self, callback: Callable[[int | None], None]) -> None:
        """Adds a subscriber; it is called on the event loop and must return at once."""
        self._subscribers.append(callback)

    @property
    def alive(self) -> bool:
        """Whether everything committed until a second ago has been heard: only then may what is remembered be used."""
        return time.monotonic() - self._proved_at < PROVED_SECONDS

    async def run(self) -> None:
        """Listens until cancelled; a lost connection is made anew."""
        lost = False
        while True:
            try:
                await self._listen()
            except (Error, OSError, TimeoutError) as error:
                if not lost or self.alive:
                    log.warning("account notifications lost: %s", type(error).__name__)
                lost = True
            self._proved_at = float("-inf")
            await asyncio.sleep(RETRY_SECONDS)

    async def _listen(self) -> None:
        connection = await AsyncConnection.connect(
            self._dsn, autocommit=True, connect_timeout=CONNECT_SECONDS, application_name="wanmi-watch", tcp_user_timeout=10_000
        )
        async with connection:
            await connection.execute(f"LISTEN {CHANNEL}")
            self._tell(None)
            while True:
                asked_at = time.monotonic()
                async with asyncio.timeout(PROVED_SECONDS):
                    await connection.execute("SELECT 1")
                # what came with the answer is handed on before the answer counts
                async for notice in connection.notifies(timeout=0):
                    self._hear(notice.payload)
                self._proved_at = asked_at
                async for notice in connection.notifies(timeout=ASK_SECONDS):
                    self._hear(notice.payload)

    def _hear(self, payload: str) -> None:
        self._tell(int(payload) if payload.isascii() and payload.isdigit() else None)

    def _tell(self, account: int | None) -> None:
        for callback in self._subscribers:
            callback(account)


@asynccontextmanager
async def watching(watch: Watch) -> AsyncIterator[Watch]:
    """Keeps a watch running within the block."""
    task = asyncio.create_task(watch.run())
    try:
        yield watch
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
