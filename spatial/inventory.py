"""What cities hold: rows of every layer and stream, their area, their last load.

Numbers are exact up to a limit and the planner's estimate above it, and say which. Counting walks the index (city, id) alone:
a million rows take 0.08 s, six million 0.43 s, and with places and extent read from the table 1.3 s (docs/api.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg import AsyncConnection, sql
from psycopg.rows import TupleRow, dict_row
from sqlalchemy import text
from sqlalchemy.dialects import postgresql

from layers.catalogue import Registry
from layers.model import Layer
from layers.stream import Stream
from spatial.cities import City
from spatial.datasets import SELECT_SEEN, Dataset, dataset_from_row
from spatial.features import Count, Exactness, settled, view_of

__all__ = ["Area", "Holding", "Load", "areas", "city_datasets", "holdings", "key_layers", "loads"]

# The layers by which cities are compared, as far as the registry has them.
KEY_ROLES = ("grid", "component", "case", "address", "building", "pipeline")
AREA_ROLE = "district"


@dataclass(frozen=True, slots=True)
class Holding:
    """What a city holds of one layer or stream.

    ``unplaced`` counts the rows without a place. ``first`` and ``last`` are the moments of a stream's readings.
    """

    rows: Count
    unplaced: Count
    first: datetime | None = None
    last: datetime | None = None


@dataclass(frozen=True, slots=True)
class Area:
    """Area of a city in km² on the ellipsoid; ``of`` is the layer it was summed over, None for the city's envelope."""

    km2: float
    of: Layer | None


@dataclass(frozen=True, slots=True)
class Load:
    """How many datasets a city has, and when the last one was loaded."""

    datasets: int
    at: datetime | None


def key_layers(layers: Sequence[Layer]) -> list[Layer]:
    """Returns those of the layers by which cities are compared, in the order of ``KEY_ROLES``."""
    by_role = {layer.role: layer for layer in layers}
    return [by_role[role] for role in KEY_ROLES if role in by_role]


async def holdings(
    connection: AsyncConnection[TupleRow], cities: Sequence[City], layers: Sequence[Layer], streams: Sequence[Stream], exactness: Exactness
) -> dict[tuple[int, str], Holding]:
    """Returns what the cities hold, by city id and layer or stream id.

    One statement counts everything as far as ``exactness`` says; each number beyond it costs a planning, no reading.
    """
    everything: list[Layer | Stream] = [*layers, *streams]
    sources = [(city, source) for city in cities for source in everything]
    if not sources:
        return {}
    statement = sql.SQL(" UNION ALL ").join([_counted(city, source, exactness.of(source, city)) for city, source in sources])
    rows = await (await connection.execute(statement)).fetchall()
    found = {(row[0], row[1]): row[2:] for row in rows}
    answer = {}
    for city, source in sources:
        total, unplaced, first, last = found[city.id, source.id]
        limit = exactness.of(source, city)
        answer[city.id, source.id] = Holding(
            await settled(connection, source, _condition(city), {}, total, limit),
            await settled(connection, source, _condition(city, unplaced=True), {}, unplaced, limit),
            first,
            last,
        )
    return answer


def _counted(city: City, source: Layer | Stream, limit: int) -> sql.Composed:
    """The statement (city id, source id, rows, rows without place, first, last moment), numbers up to one above the limit."""

    def number(condition: sql.Composable) -> sql.Composed:
        return sql.SQL("(SELECT count(*) FROM (SELECT 1 FROM {table} WHERE {condition} LIMIT {most}) t)").format(
            table=view_of(source), condition=condition, most=sql.Literal(limit + 1)
        )

    def moment(side: str) -> sql.Composed:
        if isinstance(source, Layer):
            return sql.SQL("NULL::timestamptz").format()
        return sql.SQL("(SELECT {side}({time}) FROM {table} WHERE {condition})").format(
            side=sql.SQL(side), time=sql.Identifier(source.time), table=view_of(source), condition=_condition(city)
        )

    optional = isinstance(source, Layer) and source.geometry_optional
    return sql.SQL("SELECT {city}, {id}::text, {rows}, {unplaced}, {first}, {last}").format(
        city=sql.Literal(city.id),
        id=sql.Literal(source.id),
        rows=number(_condition(city)),
        unplaced=number(_condition(city, unplaced=True)) if optional else sql.SQL("0"),
        first=moment("min"),
        last=moment("max"),
    )


def _condition(city: City, *, unplaced: bool = False) -> sql.Composed:
    clause = sql.SQL("city = {city} AND geom IS NULL" if unplaced else "city = {city}")
    return clause.format(city=sql.Literal(city.id))


async def areas(connection: AsyncConnection[TupleRow], registry: Registry) -> dict[int, Area]:
    """Returns the area of every city: that of its districts where it has any, else that of its envelope."""
    districts = registry.by_role(AREA_ROLE) if registry.has_role(AREA_ROLE) else None
    summed = (
        sql.SQL("SELECT city, sum(ST_Area(geom::geography)) AS area FROM {} GROUP BY city").format(view_of(districts))
        if districts is not None
        else sql.SQL("SELECT NULL::smallint AS city, NULL::float8 AS area").format()
    )
    statement = sql.SQL("""
        SELECT c.id, coalesce(d.area, ST_Area(c.envelope::geography)) / 1e6, d.area IS NOT NULL
        FROM seen.city c LEFT JOIN ({}) d ON d.city = c.id
    """).format(summed)
    rows = await (await connection.execute(statement)).fetchall()
    return {row[0]: Area(float(row[1]), districts if row[2] else None) for row in rows}


async def loads(connection: AsyncConnection[TupleRow]) -> Mapping[int, Load]:
    """Returns number and last load of the datasets by city id; a city without datasets is not in it."""
    rows = await (await connection.execute("SELECT city, count(*), max(loaded_at) FROM seen.dataset GROUP BY city")).fetchall()
    return {row[0]: Load(row[1], row[2]) for row in rows}


async def city_datasets(connection: AsyncConnection[TupleRow], city: City) -> list[Dataset]:
    """Returns the datasets of a city in the order they were first loaded; ``spatial.datasets.datasets`` for the request path."""
    statement = str(text(SELECT_SEEN).compile(dialect=postgresql.dialect()))  # type: ignore[no-untyped-call]
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(statement.encode(), {"city": city.id})
        return [dataset_from_row(row) for row in await cursor.fetchall()]
