"""Indexes that must serve: EXPLAIN of the statements that requests send, as the serving role, of somebody who sees a part."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import Engine

from layers.catalogue import Registry
from layers.model import Layer
from spatial.accounts.accounts import NewAccount, create
from spatial.accounts.model import Grant
from spatial.features import Exactness, Query, Selection, counting, group_counts, items, near, summing
from spatial.rights.held import right_of
from spatial.rights.model import Right
from spatial.rights.views import ACTOR_SETTING, find_query
from tests.support.cluster import Server
from tests.support.town import Town
from tiles.vector import statement

Row = tuple[object, ...]
# a town is small enough to be read whole; with that forbidden, only a fitting index is left
OPTIONS = "-c enable_seqscan=off -c max_parallel_workers_per_gather=0 -c plan_cache_mode=force_custom_plan"
CORNER = (114.0, 34.8, 114.001, 34.801)


@pytest.fixture(scope="module")
def right(engine: Engine, town: Town) -> Right:
    """Of a dispatcher of one community."""
    with engine.begin() as connection:
        return right_of(connection, create(connection, NewAccount("west", "西", (Grant("dispatcher", "9901010101"),))).id)


@pytest.fixture(scope="module")
def connection(server: Server, database: str, right: Right) -> Iterator[psycopg.Connection[Row]]:
    with psycopg.connect(server.app(database), autocommit=True, options=OPTIONS) as found:
        found.execute("SELECT set_config(%s, %s, false)", (ACTOR_SETTING, str(right.account)))
        assert found.execute("SELECT count(*) < 900 AND count(*) > 0 FROM seen.component").fetchone() == (True,)
        yield found


def plan(connection: psycopg.Connection[Row], query: Query) -> str:
    rows = connection.execute(sql.SQL("EXPLAIN ") + query.statement, query.params).fetchall()
    return "\n".join(str(row[0]) for row in rows)


def read_whole(layer: Layer, found: str) -> bool:
    return f"Seq Scan on {layer.id}" in found or f'Seq Scan on "{layer.id}"' in found


def test_a_bounding_box_uses_the_spatial_index(connection: psycopg.Connection[Row], registry: Registry) -> None:
    layer = registry.by_role("component")
    found = plan(connection, items(layer, Selection(bbox=CORNER), 100))
    assert f"ix_{layer.id}_geom" in found and not read_whole(layer, found)


def test_a_page_starts_where_the_last_one_ended(connection: psycopg.Connection[Row], registry: Registry) -> None:
    layer = registry.by_role("component")
    found = plan(connection, items(layer, Selection(city=1), 100, after=400))
    assert "Sort" not in found and not read_whole(layer, found)
    assert f"ix_{layer.id}_page" in found or f"{layer.id}_pkey" in found


@pytest.mark.parametrize(("role", "zoom"), [("component", 12), ("component", 17), ("grid", 15), ("road", 13)])
@pytest.mark.parametrize("by_city", [False, True])
def test_a_tile_uses_the_tile_index(connection: psycopg.Connection[Row], registry: Registry, role: str, zoom: int, by_city: bool) -> None:
    layer = registry.by_role(role)
    row = connection.execute("SELECT floor((114.01 + 180) / 360 * 2 ^ %s)::int", (zoom,)).fetchone()
    assert row is not None
    y = {12: 1627, 13: 3254, 15: 13017, 17: 52071}[zoom]
    found = plan(connection, Query(statement(layer, zoom, by_city), {"z": zoom, "x": row[0], "y": y, "city": "town"}))
    assert f"ix_{layer.id}_geom3857" in found and not read_whole(layer, found)


def test_a_click_uses_the_spatial_index(connection: psycopg.Connection[Row], registry: Registry) -> None:
    layer = registry.by_role("component")
    found = plan(connection, near(layer, Selection(), 114.01, 34.81, 20, 10))
    assert f"ix_{layer.id}_geom" in found and not read_whole(layer, found)


def test_counts_and_groups_of_a_box_use_the_spatial_index(connection: psycopg.Connection[Row], registry: Registry) -> None:
    layer = registry.by_role("component")
    for query in (counting(layer, Selection(bbox=CORNER), 1001), group_counts(layer, Selection(bbox=CORNER), "status")):
        found = plan(connection, query)
        assert f"ix_{layer.id}_geom" in found and not read_whole(layer, found)


def test_counts_of_a_city_and_the_layer_tree_use_its_index(
    connection: psycopg.Connection[Row], registry: Registry, right: Right, town: Town
) -> None:
    layer = registry.by_role("component")
    for query in (counting(layer, Selection(city=1), 1001), summing([layer], town.city, Exactness(1000, right))):
        found = plan(connection, query)
        assert f"ix_{layer.id}_" in found and not read_whole(layer, found), found


@pytest.mark.parametrize(
    ("role", "word", "index"),
    [("component", "9901010118", "code_prefix"), ("road", "人民路", "name_trgm"), ("community", "社区", "name_trgm")],
)
def test_the_gate_of_the_search_uses_prefix_and_trigram_indexes(
    server: Server, database: str, connection: psycopg.Connection[Row], registry: Registry, right: Right,
    role: str, word: str, index: str,
) -> None:  # fmt: skip
    """The statement inside the gate, as the gate runs it: as the owner, with the values at hand.

    Without a city: one as small as the town is read by its index (city, id) sooner.
    """
    layer = registry.by_role(role)
    with psycopg.connect(server.owner(database), autocommit=True, options=OPTIONS) as owner:
        owner.execute("SELECT set_config(%s, %s, false)", (ACTOR_SETTING, str(right.account)))
        inner = sql.SQL(find_query(layer))  # type: ignore[arg-type]
        owner.execute(sql.SQL("PREPARE found (text, text, text, smallint, geometry, integer) AS {}").format(inner))
        values = [word, f"%{word}%", f"{word}%", None, None, 100]
        asked = sql.SQL("EXECUTE found ({})").format(sql.SQL(", ").join(map(sql.Literal, values)))
        found = "\n".join(str(row[0]) for row in owner.execute(sql.SQL("EXPLAIN ") + asked))
        assert f"ix_{layer.id}_{index}" in found and not read_whole(layer, found), found
        told = {row[0] for row in owner.execute(asked)}
    seen = connection.execute(sql.SQL("SELECT id FROM {}").format(sql.Identifier("seen", layer.id))).fetchall()
    assert told <= {row[0] for row in seen} and told
