"""Bulk loading: indexes come back exactly as they were, or stay; an error leaves everything as it was."""

from __future__ import annotations

import datetime as dt
import io
from typing import Any

import numpy as np
import pytest
import shapely
from psycopg2 import sql
from sqlalchemy import Connection, Engine, text

from data.bulk import FEWEST_ROWS, copy_text, hilbert_order, indexes_after_load, texts
from data.table import LayerTable
from layers.catalogue import Registry
from layers.model import Layer
from tests.support.town import Town


def indexes(connection: Connection, layer: Layer) -> list[tuple[str, str]]:
    statement = text("SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'layer' AND tablename = :layer ORDER BY 1")
    return [(name, definition) for name, definition in connection.execute(statement, {"layer": layer.id})]


def constraints(connection: Connection, layer: Layer) -> list[tuple[str, str]]:
    statement = text("SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = to_regclass(:name) ORDER BY 1")
    return [(name, definition) for name, definition in connection.execute(statement, {"name": f'layer."{layer.id}"'})]


@pytest.mark.parametrize("role", ["component", "case", "address", "pipeline", "district"])
def test_indexes_are_as_before(engine: Engine, registry: Registry, role: str) -> None:
    layer = registry.by_role(role)
    with engine.begin() as connection:
        before = indexes(connection, layer), constraints(connection, layer)
        told: list[str] = []
        with indexes_after_load(connection, layer, FEWEST_ROWS, told.append):
            assert [name for name, _ in indexes(connection, layer)] == [f"{layer.id}_pkey"]
        assert (indexes(connection, layer), constraints(connection, layer)) == before
        assert len(told) == len(before[0]) - 1


def test_few_rows_leave_the_indexes_alone(engine: Engine, registry: Registry, town: Town) -> None:
    layer = registry.by_role("component")
    with engine.begin() as connection:
        before = indexes(connection, layer)
        with indexes_after_load(connection, layer, FEWEST_ROWS - 1):
            assert indexes(connection, layer) == before


def test_fewer_rows_than_the_table_holds_leave_them_alone(
    engine: Engine, registry: Registry, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer = registry.by_role("component")
    monkeypatch.setattr("data.bulk.FEWEST_ROWS", 1)
    with engine.begin() as connection:
        before = indexes(connection, layer)
        with indexes_after_load(connection, layer, 2):
            assert indexes(connection, layer) == before


def test_an_error_leaves_them_as_they_were(engine: Engine, registry: Registry) -> None:
    layer = registry.by_role("component")
    with engine.connect() as connection:
        before = indexes(connection, layer), constraints(connection, layer)
    with pytest.raises(ZeroDivisionError), engine.begin() as connection, indexes_after_load(connection, layer, FEWEST_ROWS):
        raise ZeroDivisionError
    with engine.connect() as connection:
        assert (indexes(connection, layer), constraints(connection, layer)) == before


def test_copied_values_come_back_as_they_were(engine: Engine, registry: Registry, town: Town) -> None:
    layer = registry.by_role("component")
    columns: dict[str, Any] = {
        "code": ["9901010118900001", "9901010118900002"],
        "name": ["路\t灯", "\\N"],
        "class_code": ["0118", "0118"],
        "status": np.array(["完好", "破损"], dtype=object),
        "address": ["一行\n两行\r", None],
        "started_on": [dt.date(2020, 2, 29), None],
        "remark": np.array([None, "“引号” ' \" {}"], dtype=object),
    }
    table = LayerTable(layer.id, columns, shapely.points([[114.001, 34.801], [114.002, 34.802]]).astype(object))
    with engine.connect() as connection:
        city = connection.scalar(text("SELECT id FROM wanmi.city"))
        block = copy_text(layer.fields, table, [[str(city)] * 2, ["9901010101"] * 2], list(columns), slice(0, 2))
        names = sql.SQL(", ").join(map(sql.Identifier, ["city", "area", "geom", *columns]))
        cursor = connection.connection.cursor()
        cursor.copy_expert(sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier("layer", layer.id), names), io.StringIO(block))
        rows = connection.execute(
            text(f"SELECT {', '.join(columns)}, ST_AsText(geom) FROM layer.{layer.id} WHERE code LIKE '99010101189%' ORDER BY code")
        ).all()
    expected = [tuple(np.asarray(values, dtype=object)[row] for values in columns.values()) for row in (0, 1)]
    assert [tuple(row[:-1]) for row in rows] == expected
    assert [row[-1] for row in rows] == ["POINT(114.001 34.801)", "POINT(114.002 34.802)"]


def test_moments_and_numbers_are_written_for_the_database() -> None:
    moments = np.array(["2026-07-20T01:02:03", "NaT"], dtype="datetime64[s]")
    assert texts("datetime", moments) == ["2026-07-20T01:02:03Z", r"\N"]
    assert texts("datetime", [dt.datetime(2026, 7, 20, tzinfo=dt.UTC)]) == ["2026-07-20 00:00:00+00:00"]
    assert texts("number", np.array([1.5, np.nan])) == ["1.5", r"\N"]
    assert texts("integer", np.array([2, 30])) == ["2", "30"]
    assert texts("boolean", [True, None]) == ["True", r"\N"]


def test_neighbours_follow_each_other_and_the_unplaced_come_last() -> None:
    x, y = np.meshgrid(np.arange(16.0), np.arange(16.0))
    points = shapely.points(np.column_stack([x.ravel(), y.ravel()])).astype(object)
    order = hilbert_order(np.array([*points.tolist(), None], dtype=object))
    assert order[-1] == len(points) and sorted(order.tolist()) == list(range(len(points) + 1))
    walked = shapely.distance(points[order[:-2]], points[order[1:-1]])
    assert walked.mean() < 1.2
