"""Owner's work of requests in threads, a few at once: a queue that is too long is told to come again (reliability F8)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from anyio import to_thread
from sqlalchemy import Connection, Engine

from api.errors import ApiError

__all__ = ["Bulkhead"]

Result = TypeVar("Result")


class Bulkhead:
    """``places`` pieces of work at once; who waits longer than ``seconds`` gets a 503 with Retry-After."""

    def __init__(self, engine: Engine, places: int, seconds: float) -> None:
        self._engine = engine
        self._free = asyncio.Semaphore(places)
        self._seconds = seconds

    async def call(self, work: Callable[[Engine], Result]) -> Result:
        """Runs work that makes its own transactions.

        Raises:
            ApiError: 503, no place became free.
        """
        try:
            async with asyncio.timeout(self._seconds):
                await self._free.acquire()
        except TimeoutError:
            raise ApiError(503, "busy", "请求过多，请稍后再试", "too many requests at once; try again soon") from None
        try:
            return await to_thread.run_sync(work, self._engine)
        finally:
            self._free.release()

    async def run(self, work: Callable[[Connection], Result]) -> Result:
        """Runs work in one transaction.

        Raises:
            ApiError: 503, no place became free.
        """

        def within(engine: Engine) -> Result:
            with engine.begin() as connection:
                return work(connection)

        return await self.call(within)
