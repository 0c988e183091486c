"""What handlers ask for: the registry, connections, the city, and the layer - the latter only through the right."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, Path, Query, Request
from psycopg import AsyncConnection
from psycopg.rows import TupleRow, dict_row
from pydantic import AfterValidator, BaseModel, ConfigDict

from api.access import Action, Actor, Requires
from api.errors import bad_request, not_found
from layers.catalogue import Registry
from layers.model import Layer
from spatial.cities import SELECT, City, city_from_row
from spatial.database import Pools
from spatial.features import BBox
from spatial.settings import Settings

__all__ = [
    "CityParam", "CityQuery", "Connect", "LayerDep", "OpenDep", "ReaderDep", "RegistryDep", "SettingsDep", "StrictQuery", "Text",
    "all_cities", "checked_text", "one_city", "parse_bbox", "visible_layer", "visible_layers",
]  # fmt: skip

MAX_TEXT = 1000


def checked_text(value: str) -> str:
    """Refuses what PostgreSQL cannot hold: NUL and lone surrogates (reliability_security.md §1.6)."""
    if len(value) > MAX_TEXT or "\x00" in value or any("\ud800" <= char <= "\udfff" for char in value):
        raise ValueError(f"not a text of at most {MAX_TEXT} characters without NUL")
    return value


Text = Annotated[str, AfterValidator(checked_text)]
CityParam = Annotated[Text | None, Query(description="city key, see /api/cities; without it all cities")]


class StrictQuery(BaseModel):
    """Base of query models: an unknown parameter is an error (OGC API - Features, requirement 8)."""

    model_config = ConfigDict(extra="forbid")


class CityQuery(StrictQuery):
    """Parameters of whatever speaks of one city or of all."""

    city: CityParam = None


# async, although they wait for nothing: FastAPI sends plain functions through a thread pool
async def _registry(request: Request) -> Registry:
    registry: Registry = request.app.state.registry
    return registry


async def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


RegistryDep = Annotated[Registry, Depends(_registry)]
SettingsDep = Annotated[Settings, Depends(_settings)]
OpenDep = Annotated[Actor, Depends(Requires(Action.OPEN))]
ReaderDep = Annotated[Actor, Depends(Requires(Action.READ))]


class Connector:
    """Hands out connections of the serving role: ``async with connect.queries() as connection``."""

    def __init__(self, pools: Pools) -> None:
        self._pools = pools

    @asynccontextmanager
    async def queries(self) -> AsyncIterator[AsyncConnection[TupleRow]]:
        """A connection for queries."""
        async with self._pools.queries.connection() as connection:
            yield connection

    @asynccontextmanager
    async def tiles(self) -> AsyncIterator[AsyncConnection[TupleRow]]:
        """A connection for tiles."""
        async with self._pools.tiles.connection() as connection:
            yield connection


async def _connector(request: Request) -> Connector:
    return Connector(request.app.state.pools)


Connect = Annotated[Connector, Depends(_connector)]


def visible_layers(registry: Registry, actor: Actor) -> list[Layer]:
    """Returns the layers that an actor may see; here the right will cut."""
    return list(registry)


def visible_layer(registry: Registry, actor: Actor, layer_id: str) -> Layer:
    """Returns a layer that an actor may see.

    Raises:
        ApiError: 404, unknown and forbidden alike.
    """
    for layer in visible_layers(registry, actor):
        if layer.id == layer_id:
            return layer
    raise not_found(f"没有图层“{layer_id[:60]}”", f"there is no layer {layer_id[:60]!r}", "layer", layer_id)


async def _layer(registry: RegistryDep, actor: ReaderDep, layer: Annotated[Text, Path(description="layer id")]) -> Layer:
    return visible_layer(registry, actor, layer)


# The one way to a layer: existence and right are settled before a handler runs.
LayerDep = Annotated[Layer, Depends(_layer)]


async def all_cities(connection: AsyncConnection[TupleRow]) -> list[City]:
    """Returns all cities."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(SELECT + "ORDER BY id")
        return [city_from_row(row) for row in await cursor.fetchall()]


async def one_city(connection: AsyncConnection[TupleRow], key: str | None) -> City | None:
    """Returns the city with this key; None asks for all cities.

    Raises:
        ApiError: 404.
    """
    if key is None:
        return None
    for city in await all_cities(connection):
        if city.key == key:
            return city
    raise not_found(f"没有城市“{key[:60]}”", f"there is no city {key[:60]!r}", "city", key)


def parse_bbox(text: str | None) -> BBox | None:
    """Reads ``west,south,east,north`` in degrees; six numbers carry heights, which are left out (OGC API - Features §7.15.3).

    >>> parse_bbox("113.5,34.6,114,35")
    (113.5, 34.6, 114.0, 35.0)

    Raises:
        ApiError: not four or six finite numbers, or south above north, or west above east.
    """
    if text is None:
        return None
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) == 6:
        numbers = [numbers[0], numbers[1], numbers[3], numbers[4]]
    if len(numbers) != 4 or any(number != number or abs(number) == float("inf") for number in numbers):
        raise bad_request("invalid-parameter", "bbox 应为 西,南,东,北 四个数", "bbox is west,south,east,north", "bbox", text)
    west, south, east, north = numbers
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        raise bad_request(
            "invalid-parameter", "bbox 的范围有误（单位：度）", "bbox is out of order or out of range (degrees)", "bbox", text
        )
    return west, south, east, north
