"""Rows are written whatever strangers send, by the owner within a transaction and by the serving role through one function."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.rows import TupleRow
from sqlalchemy import Engine, text

from spatial.audit.record import Entry, record, record_async
from spatial.audit.sealing import seal
from spatial.database import open_pools
from spatial.settings import load_settings
from tests.support.cluster import Server
from tests.support.running import run as run_async

TABLES = ("entry", "seal", "anchor", "chain")
VERBS = (
    "SELECT 1 FROM audit.{}",
    "INSERT INTO audit.{} DEFAULT VALUES",
    "UPDATE audit.{} SET {}",
    "DELETE FROM audit.{}",
    "TRUNCATE audit.{}",
)


def last(engine: Engine) -> Any:
    with engine.connect() as connection:
        return connection.execute(text("SELECT *, host(address) AS host FROM audit.entry ORDER BY id DESC LIMIT 1")).one()


def test_a_row_stands_and_falls_with_its_transaction(engine: Engine) -> None:
    with engine.begin() as connection:
        record(connection, Entry("account.add", actor=7, address="10.0.0.1", object="account/li", detail={"roles": ["gis"]}))
    row = last(engine)
    assert (row.action, row.actor, row.host, row.object, row.result, row.detail) == (
        "account.add", 7, "10.0.0.1", "account/li", "ok", {"roles": ["gis"]},
    )  # fmt: skip
    assert row.era == 1
    with pytest.raises(RuntimeError), engine.begin() as connection:
        record(connection, Entry("account.add", object="account/wang"))
        raise RuntimeError
    assert last(engine).object == "account/li"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    name=st.none() | st.text(st.characters()),
    place=st.none() | st.text(st.characters(), max_size=400),
    address=st.none() | st.text(max_size=20) | st.ip_addresses().map(str),
    detail=st.dictionaries(
        st.text(st.characters(), max_size=120), st.floats() | st.text(st.characters()) | st.none() | st.binary(), max_size=4
    ),
)
def test_nothing_that_is_sent_keeps_a_row_from_being_written(
    engine: Engine, name: str | None, place: str | None, address: str | None, detail: dict[str, object]
) -> None:
    with engine.begin() as connection:
        record(connection, Entry("denied", "refused", None, name, address, place, detail))
    row = last(engine)
    assert row.action == "denied"
    assert (row.actor_name is None, row.object is None) == (name is None, place is None)
    assert len(row.actor_name or "") <= 100 and len(row.object or "") <= 300
    assert address is None or row.host is not None or "client" in row.detail
    json.dumps(row.detail, allow_nan=False)


def test_the_serving_role_adds_rows_over_its_read_only_connections(server: Server, database: str, engine: Engine) -> None:
    async def work() -> None:
        async with open_pools(server.app(database), load_settings({})) as pools, pools.queries.connection() as connection:
            await record_async(connection, Entry("denied", "refused", 5, "li", "fe80::1%eth0", "/api/jobs", {"status": 404}))
            shown = await (await connection.execute("SHOW transaction_read_only")).fetchone()
            assert shown == ("on",), "the connection reads only, as before"
            async with connection.transaction():
                with pytest.raises(ValueError, match="open transaction"):
                    await record_async(connection, Entry("denied"))

    run_async(work())
    row = last(engine)
    assert (row.action, row.result, row.actor, row.actor_name, row.host, row.object, row.detail) == (
        "denied", "refused", 5, "li", "fe80::1", "/api/jobs", {"status": 404},
    )  # fmt: skip


@pytest.mark.parametrize("table", TABLES)
def test_the_serving_role_has_no_right_on_any_table(server: Server, database: str, table: str) -> None:
    columns = {"entry": "result = 'ok'", "seal": "total = 0", "anchor": "total = 0", "chain": "one = true"}
    connection: psycopg.Connection[TupleRow]
    with psycopg.connect(server.app(database), autocommit=True) as connection:
        for verb in VERBS:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(verb.format(table, columns[table]))  # type: ignore[arg-type]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT 1 FROM audit.tip")


def test_the_serving_role_may_call_one_function_only(server: Server, database: str, engine: Engine) -> None:
    with engine.connect() as connection:
        open_to_app = connection.scalars(text("""
            SELECT p.oid::regprocedure::text FROM pg_proc p WHERE pronamespace = 'audit'::regnamespace
              AND has_function_privilege('wanmi_app', p.oid, 'EXECUTE')
        """)).all()  # fmt: skip
        pinned = connection.scalar(text("SELECT proconfig FROM pg_proc WHERE oid = 'audit.write'::regproc AND prosecdef"))
    assert [name.partition("(")[0] for name in open_to_app] == ["audit.write"]
    assert pinned == ["search_path=pg_catalog, pg_temp"]
    with psycopg.connect(server.app(database), autocommit=True) as connection_, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection_.execute("SELECT wanmi.open_era('mine')")


@pytest.mark.parametrize("table", ["entry", "seal", "anchor", "chain"])
@pytest.mark.parametrize("verb", ["UPDATE audit.{} SET {}", "TRUNCATE audit.{}", "DELETE FROM audit.{}"])
def test_even_the_owner_only_adds(server: Server, database: str, engine: Engine, table: str, verb: str) -> None:
    with engine.begin() as connection:
        record(connection, Entry("login"))
    seal(engine, [])
    columns = {"entry": "result = 'ok'", "seal": "total = 0", "anchor": "total = 0", "chain": "one = true"}
    for dsn in (server.owner(database), server.admin(database)):
        with psycopg.connect(dsn) as connection_, pytest.raises(psycopg.errors.RestrictViolation):
            connection_.execute("SET audit.pruning = 'on'")
            connection_.execute(verb.format(table, columns[table]))  # type: ignore[arg-type]
