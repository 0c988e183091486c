"""Connections: SQLAlchemy + psycopg2 for the synchronous side, psycopg 3 pools for the request path.

Why two drivers: psycopg2 (the customer's choice) serves migrations, the command line, jobs and COPY through
SQLAlchemy/GeoAlchemy2; in a thread pool it has the worst p99 under load (642 ms at c = 8, performance.md §3), so
requests use psycopg 3 asynchronously.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from psycopg import AsyncConnection
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.engine import URL, make_url

from spatial.rights.views import ACTOR_ROLE, ACTOR_SETTING
from spatial.settings import Settings

__all__ = ["Pools", "acting", "acting_as", "connection_url", "open_pools", "owner_engine", "with_database"]

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
LEAKPROOF = "SELECT bool_and(proleakproof) FROM pg_proc WHERE proname = 'geometry_overlaps' AND pronargs = 2"
Look = Callable[[AsyncConnection[TupleRow]], Awaitable[None]]
# Accounts, audit and administration; sessions are remembered, so that requests seldom come here.
OWNER_CONNECTIONS = 8


class Pools:
    """One bulkhead each for tiles and for queries, so that a burst of tiles cannot starve a search.

    ``gated`` tells, after the first connection, that ``&&`` is not marked LEAKPROOF on this server (``spatial.features.overlaps``).
    """

    def __init__(self, dsn: str, settings: Settings) -> None:
        half = max(1, settings.database_pool // 2)
        self.gated = False
        self.tiles = _pool(dsn, half, settings.queue_seconds, settings.tile_timeout_seconds, self._look)
        self.queries = _pool(dsn, settings.database_pool - half or 1, settings.queue_seconds, settings.query_timeout_seconds, self._look)

    async def _look(self, connection: AsyncConnection[TupleRow]) -> None:
        row = await (await connection.execute(LEAKPROOF)).fetchone()
        self.gated = row is not None and row[0] is False


def connection_url(dsn: str) -> URL:
    """Returns a SQLAlchemy address for psycopg2 from a ``postgresql://`` connection string."""
    return make_url(dsn).set(drivername="postgresql+psycopg2")


def with_database(dsn: str, name: str) -> str:
    """Returns the same connection to another database.

    >>> with_database("postgresql://li:p%40ss@/wanmi?host=%2Frun&port=5432", "drill")
    'postgresql://li:p%40ss@/drill?host=%2Frun&port=5432'
    """
    return make_url(dsn).set(database=name).render_as_string(hide_password=False)


def owner_engine(dsn: str, settings: Settings | None = None) -> Engine:
    """Returns the engine of the owner: migrations, command line, bulk loads; with settings that of the web process, a small bulkhead."""
    pool: dict[str, Any] = {"pool_size": OWNER_CONNECTIONS, "max_overflow": 0, "pool_timeout": settings.queue_seconds} if settings else {}
    return create_engine(
        connection_url(dsn),
        pool_pre_ping=True,
        **pool,
        connect_args={"connect_timeout": CONNECT_SECONDS, "options": "-c jit=off -c timezone=Asia/Shanghai"},
    )


@asynccontextmanager
async def acting(connection: AsyncConnection[TupleRow], account: int) -> AsyncIterator[None]:
    """A reading transaction in which the right of an account holds; the setting ends with it (design §1.3).

    One helper and one place: without it a pooled connection shows nothing at all.
    """
    # two statements in one round trip; never prepared, because only one statement can be
    await connection.execute(f"BEGIN READ ONLY; SELECT set_config('{ACTOR_SETTING}', '{account:d}', true)", prepare=False)
    try:
        yield
    except BaseException:
        if not connection.closed and connection.info.transaction_status != TransactionStatus.ACTIVE:
            await connection.execute("ROLLBACK", prepare=False)
        raise
    await connection.execute("COMMIT", prepare=False)


@contextmanager
def acting_as(connection: Connection, account: int) -> Iterator[None]:
    """Lets the right of an account hold for what the owner's connection does in the block; afterwards the system acts again.

    Within the caller's transaction; one that fails inside is lost anyway, and with it role and setting.
    """
    connection.execute(text(f"SET LOCAL ROLE {ACTOR_ROLE}"))
    connection.execute(text(f"SELECT set_config('{ACTOR_SETTING}', :account, true)"), {"account": str(account)})
    yield
    connection.execute(text(f"SELECT set_config('{ACTOR_SETTING}', '', true)"))
    connection.execute(text("RESET ROLE"))


@asynccontextmanager
async def open_pools(dsn: str, settings: Settings) -> AsyncIterator[Pools]:
    """Opens the pools of the serving role; connections are made lazily, so a database that is away stops nobody."""
    pools = Pools(dsn, settings)
    async with pools.tiles, pools.queries:
        yield pools


def _pool(
    dsn: str, size: int, queue_seconds: float, statement_seconds: float, look: Look
) -> AsyncConnectionPool[AsyncConnection[TupleRow]]:
    options = {**SESSION_OPTIONS, "statement_timeout": f"{int(statement_seconds * 1000)}ms"}
    arguments: dict[str, Any] = {
        "autocommit": True,
        "connect_timeout": CONNECT_SECONDS,
        "options": " ".join(f"-c {key}={value}" for key, value in options.items()),
        "application_name": "wanmi",
        "tcp_user_timeout": 10_000,
    }
    return AsyncConnectionPool(
        dsn, min_size=0, max_size=size, timeout=queue_seconds, kwargs=arguments, open=False, configure=look,
        check=AsyncConnectionPool.check_connection,
    )  # fmt: skip
