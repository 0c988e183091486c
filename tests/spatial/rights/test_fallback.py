"""A server on which nobody of ours is a superuser: it is prepared all the same, answers the same and uses its indexes."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from psycopg import sql
from psycopg2.extensions import parse_dsn
from sqlalchemy import text

from layers.catalogue import Registry
from spatial.accounts.accounts import NewAccount, create
from spatial.accounts.model import Grant
from spatial.accounts.organisations import Organisation, add_organisation
from spatial.cluster import Cluster
from spatial.database import acting, open_pools, owner_engine
from spatial.doctor import examine_database
from spatial.features import Query, Selection, group_counts, items, near
from spatial.prepare import prepare_sql
from spatial.rights.views import ACTOR_SETTING, box_query
from spatial.settings import load_settings
from spatial.upgrade import upgrade
from tests.support.dumps import run
from tests.support.running import run as run_async
from tests.support.town import build
from tiles.vector import statement

pytestmark = pytest.mark.skipif(shutil.which("psql") is None, reason="no psql")
Row = tuple[object, ...]
OPTIONS = "-c jit=off -c plan_cache_mode=force_custom_plan -c timezone=Asia/Shanghai"
KEEPER, WORD = "keeper", "keeper's word"
OWNER, APP = "owner's word", "app's word"
ROLES = ("component", "road", "park", "grid", "case")


@dataclass(frozen=True)
class House:
    """Connections to the database without the mark and to its twin with it, and the accounts of both."""

    superuser: str
    owner: str
    app: str
    marked: str
    said: str
    accounts: tuple[int, ...]


def address(known: dict[str, str], user: str, password: str, database: str) -> str:
    return (
        f"user={user} password='{password.replace(chr(39), chr(92) + chr(39))}' host={known['host']} port={known['port']} dbname={database}"
    )


def url(known: dict[str, str], user: str, password: str, database: str) -> str:
    return f"postgresql://{user}:{password.replace(' ', '%20')}@/{database}?host={known['host']}&port={known['port']}"


@pytest.fixture(scope="module")
def house(registry: Registry) -> Iterator[House]:
    """An administrator who may make roles and nothing else prepares a database into which another has put PostGIS."""
    folder = Path(tempfile.mkdtemp(prefix="wanmi-"))
    with Cluster(folder, minimum_free_mb=100, durable=False).use() as cluster:
        superuser = cluster.dsn("admin", "postgres")
        known = parse_dsn(superuser)
        quoted = WORD.replace("'", "''")
        run(superuser, f"CREATE ROLE {KEEPER} LOGIN CREATEROLE PASSWORD '{quoted}'")
        encoding = "ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C.UTF-8'"
        run(superuser, f"CREATE DATABASE given OWNER {KEEPER} TEMPLATE template0 {encoding}")
        run(cluster.dsn("admin", "given"), "CREATE EXTENSION postgis")
        said = printed(known)
        owner = url(known, "wanmi_owner", OWNER, "given")
        engine = owner_engine(owner)
        upgrade(engine, registry)
        build(engine, registry)
        with engine.begin() as connection:
            add_organisation(connection, Organisation("works", "排水公司", "Works", "company"))
            connection.execute(text("UPDATE layer.component SET owner_name = '排水公司' WHERE id % 3 = 0"))
            grants = [Grant("gis"), Grant("dispatcher", "9901010101"), Grant("handler", "990101", "works"), Grant("public")]
            grants.append(Grant("gis", "990201"))
            accounts = tuple(create(connection, NewAccount(f"a{n}", "人", (grant,))).id for n, grant in enumerate(grants))
        engine.dispose()
        run(superuser, "CREATE DATABASE marked TEMPLATE given OWNER wanmi_owner")
        run(cluster.dsn("admin", "marked"), "ALTER FUNCTION geometry_overlaps(geometry, geometry) LEAKPROOF")
        app = url(known, "wanmi_app", APP, "given")
        yield House(cluster.dsn("admin", "given"), owner, app, url(known, "wanmi_app", APP, "marked"), said, (*accounts, 0))
    shutil.rmtree(folder, ignore_errors=True)


def printed(known: dict[str, str]) -> str:
    """Runs twice, as its reader would, what ``wanmi db prepare --print`` prints; returns what psql said the second time."""
    place = address(known, KEEPER, WORD, "postgres")
    command = ["psql", "-X", "-q", "-d", place, "-f", "-", "-v", f"owner_password={OWNER}", "-v", f"app_password={APP}"]
    script = prepare_sql().replace("\\set database wanmi", "\\set database given")
    for _ in range(2):
        done = subprocess.run(command, input=script, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
    return done.stderr


def test_what_is_refused_is_told_and_the_rest_is_done(house: House) -> None:
    assert "geometry_overlaps is not marked LEAKPROOF" in house.said and "temp_file_limit is not set" in house.said
    assert "ERROR" not in house.said and "FATAL" not in house.said
    flags = "rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls"
    roles = run(
        house.superuser, f"SELECT rolname, rolcanlogin, {flags} FROM pg_roles WHERE rolname ~ '^wanmi_(owner|app|actor)$' ORDER BY 1"
    )
    assert roles == [("wanmi_actor", False, False), ("wanmi_app", True, False), ("wanmi_owner", True, False)]
    assert run(house.app, "SHOW statement_timeout") == [("1min",)] and run(house.app, "SHOW timezone") == [("Asia/Shanghai",)]
    extensions = run(house.owner, "SELECT extname FROM pg_extension WHERE extname IN ('postgis', 'pg_trgm', 'btree_gist') ORDER BY 1")
    assert extensions == [("btree_gist",), ("pg_trgm",), ("postgis",)]


def test_the_doctor_says_what_is_slower_and_that_the_right_holds(house: House) -> None:
    found = {finding.key: finding for finding in examine_database(house.owner)}
    assert found["leakproof"].state == "warn" and "gate" in found["leakproof"].en and "superuser" in found["leakproof"].remedy_en
    assert found["right"].state == "ok", found["right"].en


def test_the_pools_find_out(house: House) -> None:
    async def gated(dsn: str) -> bool:
        async with open_pools(dsn, load_settings({})) as pools:
            async with pools.queries.connection() as connection, acting(connection, house.accounts[0]):
                await connection.execute("SELECT 1")
            return pools.gated

    assert run_async(gated(house.app)) and not run_async(gated(house.marked))


@pytest.fixture(scope="module")
def sides(house: House) -> Iterator[tuple[psycopg.Connection[Row], psycopg.Connection[Row]]]:
    with (
        psycopg.connect(house.app, autocommit=True, options=OPTIONS) as gate,
        psycopg.connect(house.marked, autocommit=True, options=OPTIONS) as mark,
    ):
        yield gate, mark


def act(connection: psycopg.Connection[Row], account: int) -> None:
    connection.execute("SELECT set_config(%s, %s, false)", (ACTOR_SETTING, str(account)))


def answers(connection: psycopg.Connection[Row], account: int, queries: list[Query]) -> list[list[Row]]:
    act(connection, account)
    return [connection.execute(query.statement, query.params).fetchall() for query in queries]


west, south = st.floats(113.98, 114.14), st.floats(34.78, 34.84)
sizes = st.sampled_from((0.0, 1e-6, 0.001, 0.01, 0.2))


@examples(max_examples=60)
@given(
    who=st.integers(0, 5), role=st.sampled_from(ROLES), lon=west, lat=south, width=sizes, height=sizes, zoom=st.integers(8, 20),
    radius=st.sampled_from((1, 50, 2000)), by_city=st.booleans(),
)  # fmt: skip
def test_the_gate_answers_as_the_mark_does(
    house: House, sides: tuple[psycopg.Connection[Row], psycopg.Connection[Row]], registry: Registry,
    who: int, role: str, lon: float, lat: float, width: float, height: float, zoom: int, radius: int, by_city: bool,
) -> None:  # fmt: skip
    """Pages, counts, groups, clicks and tiles of every kind of account over random places."""
    gate, mark = sides
    layer = registry.by_role(role)
    where = gate.execute(
        "SELECT floor((ST_X(p) + 20037508.342789244) / w)::int, floor((20037508.342789244 - ST_Y(p)) / w)::int FROM"
        " (SELECT ST_Transform(ST_SetSRID(ST_MakePoint(%s, %s), 4490), 3857) AS p, 40075016.685578488 / 2 ^ %s AS w) t",
        (lon, lat, zoom),
    ).fetchone()
    assert where is not None
    place = {"z": zoom, "x": where[0], "y": where[1], "city": "town"}

    def queries(gated: bool) -> list[Query]:
        chosen = Selection(1 if by_city else None, (lon, lat, lon + width, lat + height), gated=gated)
        return [
            items(layer, chosen, 50), items(layer, chosen, 5, after=400), group_counts(layer, chosen, None),
            near(layer, Selection(gated=gated), lon, lat, radius, 20), Query(statement(layer, zoom, by_city, gated), place),
        ]  # fmt: skip

    account = house.accounts[who]
    assert answers(gate, account, queries(True)) == answers(mark, account, queries(False))


def test_the_gate_lets_nothing_foreign_through(sides: tuple[psycopg.Connection[Row], psycopg.Connection[Row]], house: House) -> None:
    """The gate itself is cut: asked alone it tells no id that the view would not show."""
    gate, _ = sides
    for account in house.accounts:
        act(gate, account)
        for box in ("ST_MakeEnvelope(-180, -90, 180, 90, 4490)", "ST_MakeEnvelope(-2e7, -2e7, 2e7, 2e7, 3857)"):
            told = gate.execute(sql.SQL("SELECT * FROM seen.box_component({}) ORDER BY 1").format(sql.SQL(box))).fetchall()  # type: ignore[arg-type]
            assert told == gate.execute("SELECT id FROM seen.component ORDER BY id").fetchall()


def test_a_statement_goes_by_the_gate_and_the_gate_by_its_index(house: House, registry: Registry) -> None:
    layer = registry.by_role("component")
    with psycopg.connect(house.app, options=f"{OPTIONS} -c enable_seqscan=off", autocommit=True) as connection:
        act(connection, house.accounts[1])
        for query in (
            items(layer, Selection(bbox=(114.0, 34.8, 114.001, 34.801), gated=True), 100),
            near(layer, Selection(gated=True), 114.01, 34.81, 20, 10),
            Query(statement(layer, 17, False, gated=True), {"z": 17, "x": 107045, "y": 52071}),
            Query(statement(layer, 12, False, gated=True), {"z": 12, "x": 3345, "y": 1627}),
        ):
            plan = "\n".join(str(row[0]) for row in connection.execute(sql.SQL("EXPLAIN ") + query.statement, query.params))
            assert f"{layer.id}_pkey" in plan and "Seq Scan on component" not in plan, plan
    for column, box in (("geom", "ST_MakeEnvelope(114, 34.8, 114.001, 34.801, 4490)"), ("geom3857", "ST_TileEnvelope(17, 107045, 52071)")):
        inner = box_query(layer, column).replace("$1", box)
        lines = run(house.owner, f"SET enable_seqscan = off; EXPLAIN {inner}")
        assert any(f"ix_{layer.id}_{column}" in str(row[0]) for row in lines), lines
