"""Streams in PostgreSQL: partitions by month of the city's clock, append-only, idempotent, upgraded without loss."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import psycopg2
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from data.table import LayerTable
from layers.catalogue import Registry, read_folder
from spatial.cities import City, add_city, remove_city
from spatial.database import owner_engine
from spatial.streams import CITY_TIME, months_between
from spatial.upgrade import UpgradeRefused, pending, upgrade
from tests.support.cluster import Server
from tests.support.readings import append_readings

TRACK = """
kind = "stream"
id = "track"
title = { zh = "轨迹", en = "Tracks" }
geometry = "Point"
time = "at"
series = "unit"
[fields]
unit = { title = { zh = "单位", en = "Unit" }, required = true, length = 20 }
at = { title = { zh = "时间", en = "Time" }, type = "datetime", required = true }
speed = { title = { zh = "速度", en = "Speed" }, type = "number", minimum = 0 }
"""
MOMENTS = st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))


@pytest.fixture
def bare(server: Server) -> Iterator[Engine]:
    server.create("wanmi_streams")
    engine = owner_engine(server.owner("wanmi_streams"))
    yield engine
    engine.dispose()
    server.drop("wanmi_streams")


def registry_of(folder: Path, stream: str) -> Registry:
    (folder / "track.toml").write_text(stream, "utf-8")
    return read_folder(folder)


def table(start: datetime, count: int, hours: int = 1, x: float = 0.5) -> LayerTable:
    moments = np.array([(start + timedelta(hours=hours * n)).replace(tzinfo=None) for n in range(count)], dtype="datetime64[s]")
    columns = {"unit": np.full(count, "甲,1", dtype=object), "at": moments, "speed": np.arange(count, dtype=float)}
    return LayerTable("track", columns, np.asarray(shapely.points(np.full(count, x), 0.5), dtype=object))


def city_in(engine: Engine) -> City:
    with engine.begin() as connection:
        return add_city(connection, City("c", "城", "C", "99", (0, 0, 1, 1), profile="local"))


@given(MOMENTS, st.integers(0, 40_000))
def test_every_moment_lies_in_exactly_one_of_the_months(first: datetime, hours: int) -> None:
    last = first + timedelta(hours=hours)
    months = months_between(first, last)
    assert months == sorted(set(months)) and all(month.day == 1 for month in months)
    for moment in (first, last, first + (last - first) / 2):
        assert moment.astimezone(CITY_TIME).date().replace(day=1) in months


def test_readings_fall_into_their_months(bare: Engine, tmp_path: Path) -> None:
    registry = registry_of(tmp_path, TRACK)
    upgrade(bare, registry)
    assert pending(bare, registry) == []
    city = city_in(bare)
    stream = registry.streams["track"]
    with bare.begin() as connection:
        # 15:00 UTC on 31 October is still October in Shanghai, 16:00 is November
        assert append_readings(connection, stream, city, table(datetime(2026, 10, 31, 15, tzinfo=UTC), 3)) == 3
        assert append_readings(connection, stream, city, table(datetime(2026, 11, 5, tzinfo=UTC), 2)) == 2
        found = connection.execute(text("SELECT tableoid::regclass::text, count(*) FROM stream.track GROUP BY 1"))
        parts = {str(row[0]): row[1] for row in found}
        assert parts == {"stream.track_202610": 1, "stream.track_202611": 4}
        rows = connection.execute(text("SELECT unit, area, speed, at FROM stream.track ORDER BY at LIMIT 2")).all()
        assert [tuple(row)[:3] for row in rows] == [("甲,1", "99", 0.0), ("甲,1", "99", 1.0)]
        assert rows[0].at == datetime(2026, 10, 31, 15, tzinfo=UTC)
        plan = "\n".join(connection.scalars(text(
            "EXPLAIN SELECT * FROM stream.track WHERE city = 1 AND unit = '甲' AND at >= '2026-11-02' AND at < '2026-11-09'")))  # fmt: skip
        assert "track_202611" in plan and "track_202610" not in plan


def test_a_reading_counts_once_and_is_never_changed(bare: Engine, tmp_path: Path) -> None:
    registry = registry_of(tmp_path, TRACK)
    upgrade(bare, registry)
    city, stream = city_in(bare), registry.streams["track"]
    readings = table(datetime(2026, 11, 5, tzinfo=UTC), 2)
    with bare.begin() as connection:
        append_readings(connection, stream, city, readings)
    with pytest.raises(psycopg2.errors.UniqueViolation), bare.begin() as connection:
        append_readings(connection, stream, city, readings)
    with pytest.raises(psycopg2.errors.CheckViolation), bare.begin() as connection:
        append_readings(connection, stream, city, table(datetime(2026, 12, 5, tzinfo=UTC), 2, x=float("nan")))
    for target in ("track", "track_202611"):
        with pytest.raises(Exception, match="append-only"), bare.begin() as connection:
            connection.execute(text(f"UPDATE stream.{target} SET speed = 1"))
    with bare.begin() as connection:
        assert connection.scalar(text("SELECT count(*) FROM stream.track")) == 2
        assert connection.scalar(text("SELECT to_regclass('stream.track_202612')")) is None
        assert remove_city(connection, city, registry) == 2
        assert connection.scalar(text("SELECT count(*) FROM stream.track")) == 0


def test_a_stream_is_upgraded_without_loss(bare: Engine, tmp_path: Path) -> None:
    registry = registry_of(tmp_path, TRACK)
    upgrade(bare, registry)
    with bare.begin() as connection:
        city = add_city(connection, City("c", "城", "C", "99", (0, 0, 1, 1), profile="local"))
        append_readings(connection, registry.streams["track"], city, table(datetime(2026, 11, 5, tzinfo=UTC), 2))
    more = registry_of(tmp_path, TRACK + 'note = { title = { zh = "备注", en = "Note" }, length = 9 }\n')
    assert upgrade(bare, more) and pending(bare, more) == []
    with bare.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM stream.track_202611 WHERE note IS NULL")) == 2
    for text_of_file, word in (
        (TRACK, "note"),
        (TRACK.replace('type = "number", minimum = 0', 'type = "text"') + 'note = { title = { zh = "备注", en = "Note" } }\n', "speed"),
        (TRACK.replace("minimum = 0", "minimum = 1") + 'note = { title = { zh = "备注", en = "Note" }, length = 9 }\n', "speed_minimum"),
    ):
        with pytest.raises(UpgradeRefused) as caught:
            upgrade(bare, registry_of(tmp_path, text_of_file))
        assert any(word in reason for reason in caught.value.reasons)
    (tmp_path / "track.toml").unlink()
    with pytest.raises(UpgradeRefused, match="track"):
        upgrade(bare, read_folder(tmp_path))
