"""How many there are: estimated only for those who may know it all, and then near the truth; exact for everybody else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import psycopg
import pytest
from psycopg import AsyncConnection
from psycopg.rows import TupleRow
from sqlalchemy import Engine, text

from layers.catalogue import Registry
from spatial.accounts.accounts import NewAccount, create
from spatial.accounts.model import Grant
from spatial.database import acting
from spatial.features import Count, Exactness, Selection, Summary, count, summaries
from spatial.rights.held import right_of
from spatial.rights.model import Right
from tests.support.cluster import Server
from tests.support.running import run as run_async
from tests.support.town import Town

Answer = TypeVar("Answer")
ROWS, LIMIT = 25_000, 500
WEST = "9901010101"
WEST_HALF = (114.0, 34.8, 114.01, 34.82)
OPTIONS = "-c plan_cache_mode=force_custom_plan"


@pytest.fixture(scope="module")
def people(engine: Engine, town: Town) -> dict[str, Right]:
    """Who reads the city, who reads one community, who reads nothing; and a table of some size."""
    with engine.begin() as connection:
        connection.execute(
            text("""
                INSERT INTO layer.component (city, area, geom, code, name, class_code, status)
                SELECT 1, CASE WHEN lon < 114.01 THEN '9901010101' ELSE '9901010102' END, ST_SetSRID(ST_MakePoint(lon, lat), 4490),
                       '9901010118' || lpad((100000 + i)::text, 6, '0'), '路灯', '0118', CASE WHEN i % 4 = 0 THEN '破损' ELSE '完好' END
                FROM (SELECT i, 114 + 0.02 * ((i * 7919) % :rows) / :rows AS lon,
                             34.8 + 0.02 * ((i::bigint * 104729) % :rows) / :rows AS lat
                      FROM generate_series(1, :rows) i) t
            """),
            {"rows": ROWS},
        )
        connection.execute(text("ANALYZE layer.component"))
        grants = {"city": Grant("gis", "990101"), "west": Grant("dispatcher", WEST), "other": Grant("gis", "990201")}
        return {name: right_of(connection, create(connection, NewAccount(name, name, (grant,))).id) for name, grant in grants.items()}


def asked(server: Server, database: str, right: Right, question: Callable[[AsyncConnection[TupleRow]], Awaitable[Answer]]) -> Answer:
    async def run() -> Answer:
        async with (
            await psycopg.AsyncConnection.connect(server.app(database), autocommit=True, options=OPTIONS) as connection,
            acting(connection, right.account),
        ):
            return await question(connection)

    return run_async(run())


def true_number(engine: Engine, condition: str) -> int:
    with engine.connect() as connection:
        return int(connection.scalar(text(f"SELECT count(*) FROM layer.component WHERE {condition}")) or 0)


BOX = "geom && ST_MakeEnvelope(114.0, 34.8, 114.01, 34.82, 4490)"


@pytest.mark.parametrize(
    ("selection", "condition"),
    [
        (Selection(city=1), "city = 1"),
        (Selection(city=1, equals={"status": ["破损"]}), "city = 1 AND status = '破损'"),
        (Selection(city=1, bbox=WEST_HALF), f"city = 1 AND {BOX}"),
        (Selection(city=1, bbox=WEST_HALF, gated=True), f"city = 1 AND {BOX}"),
    ],
)
def test_an_estimate_is_near_the_truth_for_who_reads_it_all(
    server: Server, database: str, engine: Engine, registry: Registry, people: dict[str, Right], town: Town,
    selection: Selection, condition: str,
) -> None:  # fmt: skip
    layer, right = registry.by_role("component"), people["city"]
    limit = Exactness(LIMIT, right).of(layer, town.city)
    assert limit == LIMIT
    found = asked(server, database, right, lambda connection: count(connection, layer, selection, limit))
    true = true_number(engine, condition)
    assert not found.exact and abs(found.rows - true) <= true / 10, (found, true)


@pytest.mark.parametrize("name", ["west", "other"])
@pytest.mark.parametrize("gated", [False, True])
def test_who_sees_a_part_gets_its_exact_number(
    server: Server, database: str, engine: Engine, registry: Registry, people: dict[str, Right], town: Town, name: str, gated: bool
) -> None:
    """An estimate over all rows would tell how many the others have."""
    layer, right = registry.by_role("component"), people[name]
    limit = Exactness(LIMIT, right).of(layer, town.city)
    own = f"area = '{WEST}'" if name == "west" else "false"
    for selection, condition in ((Selection(city=1), own), (Selection(city=1, bbox=WEST_HALF, gated=gated), f"{own} AND {BOX}")):
        found = asked(server, database, right, lambda connection, chosen=selection: count(connection, layer, chosen, limit))  # type: ignore[misc]
        assert found == Count(true_number(engine, condition), exact=True)


def test_the_extent_is_that_of_ones_own_rows(
    server: Server, database: str, engine: Engine, registry: Registry, people: dict[str, Right], town: Town
) -> None:
    layer = registry.by_role("component")

    def summary(name: str) -> Summary:
        exactness = Exactness(LIMIT, people[name])
        return asked(server, database, people[name], lambda connection: summaries(connection, [layer], town.city, exactness))[layer.id]

    with engine.connect() as connection:
        inner = "SELECT ST_Extent(geom) AS e FROM layer.component WHERE area = :area"
        extent = text(f"SELECT ST_XMin(e), ST_YMin(e), ST_XMax(e), ST_YMax(e) FROM ({inner}) t")
        box = tuple(connection.execute(extent, {"area": WEST}).one())
    assert summary("west") == Summary(Count(true_number(engine, f"area = '{WEST}'"), exact=True), 0, box)
    assert summary("other") == Summary(Count(0, exact=True), 0, None)
    whole = summary("city")
    assert not whole.rows.exact and whole.bbox == town.city.bbox
