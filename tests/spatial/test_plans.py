"""Indexes that must serve: EXPLAIN of the statements that requests send, as the serving role."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

from layers.catalogue import Registry
from spatial.features import Query, Selection, items, near
from spatial.search import search
from tests.support.cluster import Server
from tests.support.town import Town
from tiles.vector import statement

Row = tuple[object, ...]


@pytest.fixture(scope="module")
def connection(server: Server, database: str, town: Town) -> Iterator[psycopg.Connection[Row]]:
    # a town is small enough to be read whole; with that forbidden, only a fitting index is left
    with psycopg.connect(server.app(database), options="-c enable_seqscan=off -c max_parallel_workers_per_gather=0") as found:
        yield found


def plan(connection: psycopg.Connection[Row], query: Query) -> str:
    rows = connection.execute(sql.SQL("EXPLAIN ") + query.statement, query.params).fetchall()
    return "\n".join(str(row[0]) for row in rows)


def test_a_bounding_box_uses_the_spatial_index(connection: psycopg.Connection[Row], registry: Registry) -> None:
    layer = registry.by_role("component")
    found = plan(connection, items(layer, Selection(bbox=(114.0, 34.8, 114.001, 34.801)), 100))
    assert f"ix_{layer.id}_geom" in found


def test_a_page_starts_where_the_last_one_ended(connection: psycopg.Connection[Row], registry: Registry) -> None:
    layer = registry.by_role("component")
    found = plan(connection, items(layer, Selection(city=1), 100, after=400))
    assert "Sort" not in found
    assert f"ix_{layer.id}_page" in found or f"{layer.id}_pkey" in found


@pytest.mark.parametrize(("role", "zoom"), [("component", 12), ("component", 17), ("grid", 15), ("road", 13)])
def test_a_tile_uses_the_tile_index(connection: psycopg.Connection[Row], registry: Registry, role: str, zoom: int) -> None:
    layer = registry.by_role(role)
    x, y = int((114.01 + 180) / 360 * 2**zoom), 0
    found = plan(connection, Query(statement(layer, zoom, by_city=False), {"z": zoom, "x": x, "y": y}))
    assert f"ix_{layer.id}_geom3857" in found


def test_a_click_uses_the_spatial_index(connection: psycopg.Connection[Row], registry: Registry) -> None:
    layer = registry.by_role("component")
    assert f"ix_{layer.id}_geom" in plan(connection, near(layer, Selection(), 114.01, 34.81, 20, 10))


def test_search_uses_prefix_and_trigram_indexes(connection: psycopg.Connection[Row], registry: Registry) -> None:
    component, road = registry.by_role("component"), registry.by_role("road")
    by_code = plan(connection, search([component], "9901010118", None, None, 10))
    assert f"ix_{component.id}_code_prefix" in by_code and "Seq Scan" not in by_code
    by_name = plan(connection, search([road], "人民路", None, None, 10))
    assert f"ix_{road.id}_name_trgm" in by_name and "Seq Scan" not in by_name
