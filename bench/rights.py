"""What the right costs: a tile and a bounding box with and without it, side by side in one run, and reads that never mix.

    python -m bench.rights [ROWS]

One million components in ten districts (default); the limited actor sees one of them. Without the right the owner reads the
table, with it the serving role reads the view. Ratios are medians of alternating runs over the same places. Then the LEAKPROOF mark is
taken away and the same places are asked again: with the plain operator, and by the gate that serves where nobody may set the mark.
"""

from __future__ import annotations

import asyncio
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg_pool import AsyncConnectionPool
from sqlalchemy import text

from layers.catalogue import Registry, load
from layers.model import Layer
from spatial.accounts.accounts import NewAccount, create
from spatial.accounts.model import Grant
from spatial.cities import City, add_city
from spatial.cluster import Cluster
from spatial.database import acting, owner_engine
from spatial.features import Query, Selection, items, view_of
from spatial.prepare import prepare
from spatial.rights.views import ACTOR_SETTING
from spatial.tables import LAYER_SCHEMA
from spatial.upgrade import upgrade
from tiles.vector import statement

DISTRICTS = 10
WIDTH = 0.02  # degrees; districts stand side by side from west to east
WEST, SOUTH, NORTH = 114.0, 34.7, 34.9
PREFIX = "9901"
ROUNDS = 60
READS = 10_000
CONNECTIONS = 4
OPTIONS = "-c jit=off -c plan_cache_mode=force_custom_plan -c max_parallel_workers_per_gather=0"


def district(number: int) -> str:
    """Code of a district."""
    return f"{PREFIX}{number + 1:02d}"


def fill(owner: str, registry: Registry, rows: int) -> dict[str, int]:
    """Makes city, components and accounts; returns account ids by name."""
    engine = owner_engine(owner)
    upgrade(engine, registry)
    layer = registry.by_role("component")
    with engine.begin() as connection:
        city = add_city(connection, City("bench", "测城", "Bench", PREFIX, (WEST, SOUTH, WEST + DISTRICTS * WIDTH, NORTH)))
        connection.execute(text("SELECT setseed(0.5)"))
        connection.execute(
            text(f"""
                INSERT INTO {LAYER_SCHEMA}."{layer.id}" (city, area, geom, code, name, class_code, status)
                SELECT :city, :prefix || lpad((1 + d)::text, 2, '0') || lpad((i % 97)::text, 6, '0'),
                       ST_SetSRID(ST_MakePoint(:west + (d + random()) * :width, :south + random() * :high), 4490),
                       :prefix || lpad((1 + d)::text, 2, '0') || '0101' || lpad(i::text, 7, '0'), '路灯', '0118', '完好'
                FROM (SELECT i, i % :districts AS d FROM generate_series(1, :rows) i) t ORDER BY 3
            """),
            {
                "city": city.id, "prefix": PREFIX, "west": WEST, "width": WIDTH, "south": SOUTH, "high": NORTH - SOUTH,
                "districts": DISTRICTS, "rows": rows,
            },
        )  # fmt: skip
        made = {name: create(connection, NewAccount(name, name, (Grant("gis", area),))).id for name, area in people().items()}
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
    engine.dispose()
    return made


def people() -> dict[str, str]:
    """Accounts and their areas: the first two districts."""
    return {"first": district(0), "second": district(1)}


def bare(query: Query, layer_id: str) -> sql.Composed:
    """The same statement on the table beneath the view."""
    return sql.Composed(
        [sql.Identifier(LAYER_SCHEMA, layer_id) if part == sql.Identifier("seen", layer_id) else part for part in flat(query.statement)]
    )


def flat(composed: sql.Composed) -> list[sql.Composable]:
    """All parts of a statement, without nesting."""
    found: list[sql.Composable] = []
    for part in composed:
        found += flat(part) if isinstance(part, sql.Composed) else [part]
    return found


Connection = psycopg.Connection[tuple[object, ...]]
Questions = Callable[[random.Random, bool], Query]
MARK = "ALTER FUNCTION geometry_overlaps(geometry, geometry) {}LEAKPROOF"


def compare(name: str, cut: Connection, whole: Connection, questions: Questions, layer_id: str) -> float:
    """Runs alternating questions; prints and returns the ratio of medians."""
    chance = random.Random(7)
    taken: dict[str, list[float]] = {"with": [], "without": []}
    for number in range(ROUNDS + 5):
        query = questions(chance, False)
        for side, connection, asked in (("with", cut, query.statement), ("without", whole, bare(query, layer_id))):
            began = time.perf_counter()
            connection.execute(asked, query.params).fetchall()
            if number >= 5:
                taken[side].append(time.perf_counter() - began)
    medians = {side: statistics.median(times) * 1000 for side, times in taken.items()}
    ratio = medians["with"] / medians["without"]
    print(f"{name}: with {medians['with']:.2f} ms, without {medians['without']:.2f} ms, ratio {ratio:.2f}")
    return ratio


def compare_marks(name: str, admin: Connection, cut: Connection, questions: Questions) -> None:
    """Prints what a question costs by the marked operator, by the gate and by the operator without its mark, at the same places."""
    medians = {}
    for way, mark, gated, rounds in (
        ("LEAKPROOF", "", False, ROUNDS),
        ("gate", "NOT ", True, ROUNDS),
        ("plain &&", "NOT ", False, ROUNDS // 6),
    ):
        admin.execute(MARK.format(mark))  # type: ignore[arg-type]
        chance, times = random.Random(7), []
        for number in range(rounds + 3):
            query = questions(chance, gated)
            began = time.perf_counter()
            cut.execute(query.statement, query.params).fetchall()
            if number >= 3:
                times.append(time.perf_counter() - began)
        medians[way] = statistics.median(times) * 1000
    admin.execute(MARK.format(""))  # type: ignore[arg-type]
    print(f"{name}: " + ", ".join(f"{way} {median:.2f} ms" for way, median in medians.items()))


async def interleaved(app: str, accounts: dict[str, int], registry: Registry) -> None:
    """Two districts' people read by turns over few connections, with errors and cancels between; counts foreign rows."""
    layer = registry.by_role("component")
    plain = sql.SQL("SELECT area FROM {} WHERE geom && ST_MakeEnvelope(%s, %s, %s, %s, 4490) LIMIT 50").format(view_of(layer))
    tally = {"reads": 0, "rows": 0, "foreign": 0, "errors": 0, "cancels": 0, "empty": 0}
    chance = random.Random(11)
    pool = AsyncConnectionPool(app, min_size=1, max_size=CONNECTIONS, open=False, kwargs={"autocommit": True, "options": OPTIONS})

    async def read(name: str, mishap: float) -> None:
        lon = WEST + chance.random() * WIDTH * 2
        lat = SOUTH + chance.random() * 0.19
        async with pool.connection() as connection, acting(connection, accounts[name]):
            if mishap < 0.02:
                await connection.execute("SELECT 1 / 0")
            if mishap < 0.04:
                await connection.execute("SELECT pg_sleep(5)")
            rows = await (await connection.execute(plain, (lon, lat, lon + 0.002, lat + 0.002))).fetchall()
        tally["reads"] += 1
        tally["rows"] += len(rows)
        tally["empty"] += not rows
        tally["foreign"] += sum(not str(area).startswith(people()[name]) for (area,) in rows)

    async def careful(name: str) -> None:
        mishap = chance.random()
        try:
            await asyncio.wait_for(read(name, mishap), 0.2 if 0.02 <= mishap < 0.04 else None)
        except psycopg.errors.DivisionByZero:
            tally["errors"] += 1
        except TimeoutError:
            tally["cancels"] += 1

    async with pool:
        gate = asyncio.Semaphore(16)

        async def one(number: int) -> None:
            async with gate:
                await careful("first" if number % 2 else "second")

        await asyncio.gather(*(one(number) for number in range(READS)))
    print(f"interleaved over {CONNECTIONS} connections: {tally}")
    if tally["foreign"]:
        sys.exit("foreign rows were read")


def ways(whole: Connection, layer: Layer) -> dict[str, Questions]:
    """Returns what is asked, by name: a page of a bounding box and tiles, in the first district."""

    def box(chance: random.Random, gated: bool) -> Query:
        lon, lat = WEST + chance.random() * (WIDTH - 0.004), SOUTH + chance.random() * 0.19
        return items(layer, Selection(bbox=(lon, lat, lon + 0.004, lat + 0.004), gated=gated), 1000)

    def tile(zoom: int) -> Questions:
        def asked(chance: random.Random, gated: bool) -> Query:
            lon, lat = WEST + chance.random() * WIDTH, SOUTH + chance.random() * 0.19
            row = whole.execute(
                "SELECT floor((ST_X(p) + 20037508.342789244) / w)::int, floor((20037508.342789244 - ST_Y(p)) / w)::int"
                " FROM (SELECT ST_Transform(ST_SetSRID(ST_MakePoint(%s, %s), 4490), 3857) AS p,"
                " 40075016.685578488 / 2 ^ %s AS w) t",
                (lon, lat, zoom),
            ).fetchone()
            assert row is not None
            return Query(statement(layer, zoom, by_city=False, gated=gated), {"z": zoom, "x": row[0], "y": row[1]})

        return asked

    return {"bounding box": box, **{f"tile z{zoom}": tile(zoom) for zoom in (17, 15, 14, 12)}}


def main() -> None:
    """Fills a throw-away cluster and measures."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    registry = load()
    layer = registry.by_role("component")
    with tempfile.TemporaryDirectory(prefix="wanmi-bench-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        cluster = Cluster(Path(folder) / "state", minimum_free_mb=500, durable=False)
        with cluster.use():
            prepare(cluster.dsn("admin"), cluster.password("owner"), cluster.password("app"))
            accounts = fill(cluster.dsn("owner"), registry, rows)
            print(f"{rows} rows, {DISTRICTS} districts; load {os.getloadavg()[0]:.1f}")
            with (
                psycopg.connect(cluster.dsn("admin"), autocommit=True) as admin,
                psycopg.connect(cluster.dsn("app"), autocommit=True, options=OPTIONS) as cut,
                psycopg.connect(cluster.dsn("owner"), autocommit=True, options=OPTIONS) as whole,
            ):
                cut.execute("SELECT set_config(%s, %s, false)", (ACTOR_SETTING, str(accounts["first"])))
                asked = ways(whole, layer)
                for name, questions in asked.items():
                    compare(name, cut, whole, questions, layer.id)
                for name, questions in asked.items():
                    compare_marks(name, admin, cut, questions)
            asyncio.run(interleaved(cluster.dsn("app"), accounts, registry))


if __name__ == "__main__":
    main()
