"""Readings into a stream, as a device service will bring them: partitions first, then one COPY."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import shapely
from psycopg2 import sql
from sqlalchemy import Connection

from data.table import LayerTable
from layers.stream import Stream
from spatial.cities import City
from spatial.streams import STREAM_SCHEMA, add_months
from spatial.tables import STORAGE_SRID

__all__ = ["append_readings"]


def append_readings(connection: Connection, stream: Stream, city: City, table: LayerTable) -> int:
    """Appends the rows of a table (``layer`` = the stream's id) and returns how many.

    Args:
        table: geometry in EPSG:4490, None for a stream without places; times aware or ``datetime64`` in UTC; rows without
            ``area`` get the city's prefix.
    """
    if not len(table):
        return 0
    columns = {"city": np.full(len(table), city.id), "area": city.prefix if table.area is None else table.area}
    if stream.geometry is not None:
        columns["geom"] = shapely.to_wkb(shapely.set_srid(table.geometry, STORAGE_SRID), hex=True, include_srid=True)
    frame = pd.DataFrame(columns | {key: table.columns[key] for key in stream.fields if key in table.columns})
    moments = pd.to_datetime(frame[stream.time], utc=True)
    frame[stream.time] = moments.dt.strftime("%Y-%m-%d %H:%M:%S+00")
    add_months(connection, stream, moments.min().to_pydatetime(), moments.max().to_pydatetime())
    text = io.StringIO()
    frame.to_csv(text, header=False, index=False)
    text.seek(0)
    copy = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(
        sql.Identifier(STREAM_SCHEMA, stream.id), sql.SQL(", ").join(map(sql.Identifier, frame.columns))
    )
    connection.connection.cursor().copy_expert(copy, text)
    return len(table)
