"""Streams in the database: append-only tables partitioned by month (design §1.2), made from the registry.

A stream's key is (city, series, time): a device that sends a reading twice cannot have it counted twice, and the index of the
key is the order in which a series is read. There is no foreign key to the city: checking it for each reading costs more than
storing the reading; ``remove_city`` clears streams by name.
"""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

from geoalchemy2 import Geometry
from sqlalchemy import (
    CheckConstraint,
    Column,
    Connection,
    DateTime,
    Index,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    func,
    text,
)

from layers.catalogue import Registry
from layers.stream import Stream
from spatial.tables import COLUMN_TYPES, STORAGE_SRID, field_checks, geometry_check, named

__all__ = ["STREAM_SCHEMA", "add_months", "months_between", "stream_table", "stream_tables"]

STREAM_SCHEMA = "stream"
CITY_TIME = ZoneInfo("Asia/Shanghai")


def stream_tables(registry: Registry) -> dict[str, Table]:
    """Returns the tables of all streams by id."""
    metadata = MetaData()
    return {stream.id: stream_table(stream, metadata) for stream in registry.streams.values()}


def stream_table(stream: Stream, metadata: MetaData) -> Table:
    """Returns the table of one stream: ``city``, ``area``, ``geom`` (EPSG:4490, where it has places), fields, ``received_at``."""
    place: list[Column[object]] = []
    if stream.geometry:
        place.append(Column("geom", Geometry(stream.geometry.upper(), STORAGE_SRID, spatial_index=False), nullable=False))
    table = Table(
        stream.id,
        metadata,
        Column("city", SmallInteger, nullable=False),
        Column("area", Text, nullable=False),
        *place,
        *[Column(key, COLUMN_TYPES[f.type], nullable=not f.required, comment=f.title.zh) for key, f in stream.fields.items()],
        Column("received_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        PrimaryKeyConstraint("city", stream.series, stream.time, name=f"pk_{stream.id}"),
        schema=STREAM_SCHEMA,
        comment=stream.title.zh,
        postgresql_partition_by=f'RANGE ("{stream.time}")',
    )
    if stream.geometry:
        expression = geometry_check((stream.geometry,))
        table.append_constraint(CheckConstraint(text(expression), name=named("ck", stream.id, "geometry", expression)))
        Index(f"ix_{stream.id}_geom", table.c.geom, postgresql_using="gist")
    for key, field in stream.fields.items():
        for rule, expression in field_checks(stream, key, field):
            table.append_constraint(CheckConstraint(text(expression), name=named("ck", stream.id, f"{key}_{rule}", expression)))
    Index(f"ix_{stream.id}_time", table.c.city, table.c[stream.time])
    return table


def months_between(first: datetime, last: datetime) -> list[date]:
    """Returns the first days of all months that hold moments from ``first`` to ``last``, by the city's clock.

    >>> from datetime import UTC
    >>> [str(day) for day in months_between(datetime(2026, 10, 31, 15, tzinfo=UTC), datetime(2026, 10, 31, 17, tzinfo=UTC))]
    ['2026-10-01', '2026-11-01']
    """
    month, end = (moment.astimezone(CITY_TIME).date().replace(day=1) for moment in (first, last))
    months = []
    while month <= end:
        months.append(month)
        month = _next(month)
    return months


def add_months(connection: Connection, stream: Stream, first: datetime, last: datetime) -> list[str]:
    """Makes the partitions that readings from ``first`` to ``last`` need; returns the names of those that were not there."""
    made = []
    for month in months_between(first, last):
        name = f"{stream.id}_{month:%Y%m}"
        if connection.scalar(text("SELECT to_regclass(:name)"), {"name": f'{STREAM_SCHEMA}."{name}"'}) is None:
            start, stop = (datetime(day.year, day.month, 1, tzinfo=CITY_TIME).isoformat() for day in (month, _next(month)))
            connection.exec_driver_sql(
                f'CREATE TABLE {STREAM_SCHEMA}."{name}" PARTITION OF {STREAM_SCHEMA}."{stream.id}"'
                f" FOR VALUES FROM ('{start}') TO ('{stop}')"
            )
            made.append(name)
    return made


def _next(month: date) -> date:
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)
