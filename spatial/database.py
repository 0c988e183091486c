"""Connections: SQLAlchemy + psycopg2 for the synchronous side, psycopg 3 pools for the request path.

Why two drivers: psycopg2 (the customer's choice) serves migrations, the command line, jobs and COPY through
SQLAlchemy/GeoAlchemy2; in a thread pool it has the worst p99 under load (642 ms at c = 8, performance.md §3), so
requests use psycopg 3 asynchronously.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool
from sqlalchemy import Engine, create_engine
from sqlalchemy.engine import URL, make_url

from spatial.settings import Settings

__all__ = ["Pools", "connection_url", "open_pools", "owner_engine", "with_database"]

# Measured in performance.md §2: parallel plans are a trap of x7-8 for tiles, JIT adds 3 ms, custom plans are x1.65 faster.
SESSION_OPTIONS: Mapping[str, str] = {
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    "plan_cache_mode": "force_custom_plan",
    "timezone": "Asia/Shanghai",
    "default_transaction_read_only": "on",
    "lock_timeout": "2s",
    "idle_in_transaction_session_timeout": "15s",
}
CONNECT_SECONDS = 2


@dataclass(frozen=True, slots=True)
class Pools:
    """One bulkhead each for tiles and for queries, so that a burst of tiles cannot starve a search."""

    tiles: AsyncConnectionPool[AsyncConnection[TupleRow]]
    queries: AsyncConnectionPool[AsyncConnection[TupleRow]]


def connection_url(dsn: str) -> URL:
    """Returns a SQLAlchemy address for psycopg2 from a ``postgresql://`` connection string."""
    return make_url(dsn).set(drivername="postgresql+psycopg2")


def with_database(dsn: str, name: str) -> str:
    """Returns the same connection to another database.

    >>> with_database("postgresql://li:p%40ss@/wanmi?host=%2Frun&port=5432", "drill")
    'postgresql://li:p%40ss@/drill?host=%2Frun&port=5432'
    """
    return make_url(dsn).set(database=name).render_as_string(hide_password=False)


def owner_engine(dsn: str) -> Engine:
    """Returns the engine of the owner: migrations, command line, bulk loads."""
    return create_engine(
        connection_url(dsn),
        pool_pre_ping=True,
        connect_args={"connect_timeout": CONNECT_SECONDS, "options": "-c jit=off -c timezone=Asia/Shanghai"},
    )


@asynccontextmanager
async def open_pools(dsn: str, settings: Settings) -> AsyncIterator[Pools]:
    """Opens the pools of the serving role; connections are made lazily, so a database that is away stops nobody."""
    half = max(1, settings.database_pool // 2)
    tiles = _pool(dsn, half, settings.queue_seconds, settings.tile_timeout_seconds)
    queries = _pool(dsn, settings.database_pool - half or 1, settings.queue_seconds, settings.query_timeout_seconds)
    async with tiles, queries:
        yield Pools(tiles, queries)


def _pool(dsn: str, size: int, queue_seconds: float, statement_seconds: float) -> AsyncConnectionPool[AsyncConnection[TupleRow]]:
    options = {**SESSION_OPTIONS, "statement_timeout": f"{int(statement_seconds * 1000)}ms"}
    arguments: dict[str, Any] = {
        "autocommit": True,
        "connect_timeout": CONNECT_SECONDS,
        "options": " ".join(f"-c {key}={value}" for key, value in options.items()),
        "application_name": "wanmi",
        "tcp_user_timeout": 10_000,
    }
    return AsyncConnectionPool(
        dsn, min_size=0, max_size=size, timeout=queue_seconds, kwargs=arguments, open=False, check=AsyncConnectionPool.check_connection
    )
