"""Connections that people share: nothing of one is left for the next, whatever has gone wrong between."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable

import psycopg
import pytest
from psycopg import sql
from psycopg.pq import TransactionStatus
from sqlalchemy import Engine

from layers.catalogue import Registry
from spatial.accounts.accounts import NewAccount, create
from spatial.accounts.model import Grant
from spatial.database import Pools, acting, open_pools
from spatial.features import Selection, items, view_of
from spatial.rights.views import ACTOR_SETTING
from spatial.settings import load_settings
from tests.support.cluster import Server
from tests.support.running import run as run_async
from tests.support.town import Town

READS = 1000
AREAS = {"west": "9901010101", "east": "9901010102"}


@pytest.fixture(scope="module")
def accounts(engine: Engine, town: Town) -> dict[str, int]:
    """One dispatcher for each community of the town."""
    with engine.begin() as connection:
        return {name: create(connection, NewAccount(name, name, (Grant("dispatcher", area),))).id for name, area in AREAS.items()}


def pooled(server: Server, database: str, size: int, work: Callable[[Pools], Awaitable[None]]) -> None:
    """Runs work on pools of which that of the queries has so many connections."""

    async def run() -> None:
        async with open_pools(server.app(database), load_settings({}, database_pool=2 * size, queue_seconds=60)) as pools:
            await work(pools)

    run_async(run())


def test_reads_by_turns_never_mix(server: Server, database: str, accounts: dict[str, int], registry: Registry) -> None:
    """A thousand reads of two districts over four connections, with errors, raised exceptions and cancels between them."""
    layer = registry.by_role("component")
    chance = random.Random(11)
    tally: Counter[str] = Counter()

    async def read(pools: Pools, name: str, mishap: str) -> None:
        lon, lat = 114 + chance.random() * 0.018, 34.8 + chance.random() * 0.018
        page = items(layer, Selection(bbox=(lon, lat, lon + 0.004, lat + 0.004)), 50)
        async with pools.queries.connection() as connection, acting(connection, accounts[name]):
            if mishap == "error":
                await connection.execute("SELECT 1 / 0")
            if mishap == "cancel":
                await connection.execute("SELECT pg_sleep(30)")
            rows = await (await connection.execute(page.statement, page.params)).fetchall()
            if mishap == "exception":
                raise LookupError
            wanted = sql.SQL("SELECT count(*) FROM {} WHERE id = ANY(%s) AND area = %s").format(view_of(layer))
            row = await (await connection.execute(wanted, ([found[0] for found in rows], AREAS[name]))).fetchone()
        assert row is not None
        tally["reads"] += 1
        tally["rows"] += len(rows)
        tally["foreign"] += len(rows) - int(row[0])
        tally["foreign"] += sum(f'"area":"{AREAS[name]}"' not in found[2] for found in rows)

    async def careful(pools: Pools, name: str) -> None:
        mishap = chance.choices(("none", "error", "cancel", "exception"), (94, 2, 2, 2))[0]
        try:
            await asyncio.wait_for(read(pools, name, mishap), 0.05 if mishap == "cancel" else None)
        except (psycopg.errors.DivisionByZero, psycopg.errors.QueryCanceled, LookupError, TimeoutError):
            tally[mishap] += 1

    async def work(pools: Pools) -> None:
        gate = asyncio.Semaphore(8)

        async def one(number: int) -> None:
            async with gate:
                await careful(pools, "west" if number % 2 else "east")

        await asyncio.gather(*(one(number) for number in range(READS)))

    pooled(server, database, 4, work)
    assert tally["foreign"] == 0
    assert tally["rows"] > READS, "the boxes were not all empty"
    assert min(tally[mishap] for mishap in ("error", "cancel", "exception")) > 0
    assert sum(tally[mishap] for mishap in ("reads", "error", "cancel", "exception")) == READS


async def _ends_well(pools: Pools, account: int) -> None:
    async with pools.queries.connection() as connection, acting(connection, account):
        await connection.execute("SELECT count(*) FROM seen.component")


async def _fails(pools: Pools, account: int) -> None:
    async with pools.queries.connection() as connection, acting(connection, account):
        await connection.execute("SELECT 1 / 0")


async def _raises(pools: Pools, account: int) -> None:
    async with pools.queries.connection() as connection, acting(connection, account):
        await connection.execute("SELECT 1")
        raise LookupError


async def _is_cancelled(pools: Pools, account: int) -> None:
    async with pools.queries.connection() as connection, acting(connection, account):
        await asyncio.wait_for(connection.execute("SELECT pg_sleep(30)"), 0.05)


async def _is_cancelled_from_outside(pools: Pools, account: int) -> None:
    async def sleep() -> None:
        async with pools.queries.connection() as connection, acting(connection, account):
            await connection.execute("SELECT pg_sleep(30)")

    await asyncio.wait_for(sleep(), 0.05)


async def _is_killed(pools: Pools, account: int) -> None:
    async with pools.queries.connection() as connection, acting(connection, account):
        await connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")


@pytest.mark.parametrize("mishap", [_ends_well, _fails, _raises, _is_cancelled, _is_cancelled_from_outside, _is_killed])
def test_nothing_is_left_on_a_connection_given_back(
    server: Server, database: str, accounts: dict[str, int], mishap: Callable[[Pools, int], Awaitable[None]]
) -> None:
    """The one connection of the pool afterwards: no transaction, no context, no rows."""
    expected: dict[object, type[BaseException]] = {
        _fails: psycopg.errors.DivisionByZero, _raises: LookupError, _is_cancelled: TimeoutError,
        _is_cancelled_from_outside: TimeoutError, _is_killed: psycopg.OperationalError,
    }  # fmt: skip

    async def work(pools: Pools) -> None:
        if mishap in expected:
            with pytest.raises(expected[mishap]):
                await mishap(pools, accounts["west"])
        else:
            await mishap(pools, accounts["west"])
        async with pools.queries.connection() as connection:
            assert connection.info.transaction_status == TransactionStatus.IDLE
            row = await (
                await connection.execute(
                    "SELECT coalesce(current_setting(%s, true), ''), (SELECT count(*) FROM seen.component), current_user", (ACTOR_SETTING,)
                )
            ).fetchone()
            assert row == ("", 0, "wanmi_app")

    pooled(server, database, 1, work)


def test_a_reading_context_cannot_write(server: Server, database: str, accounts: dict[str, int]) -> None:
    async def work(pools: Pools) -> None:
        with pytest.raises((psycopg.errors.ReadOnlySqlTransaction, psycopg.errors.InsufficientPrivilege)):
            async with pools.queries.connection() as connection, acting(connection, accounts["west"]):
                await connection.execute("DELETE FROM seen.component")

    pooled(server, database, 1, work)
