"""What handlers ask for: the registry, connections, the city, and the layer - the latter only through the right."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, Path, Query, Request
from psycopg import AsyncConnection
from psycopg.rows import TupleRow, dict_row
from pydantic import AfterValidator, BaseModel, ConfigDict

from api.access import STRANGER, Action, Actor, Requires
from api.errors import ApiError, bad_request, not_found
from layers.catalogue import Registry
from layers.model import Layer
from spatial.cities import SELECT_SEEN, City, city_from_row
from spatial.database import Pools, acting
from spatial.features import BBox, Exactness
from spatial.rights.held import RightCache
from spatial.rights.model import Right
from spatial.settings import Settings

__all__ = [
    "CityParam", "CityQuery", "Connect", "ExactnessDep", "LayerDep", "MeDep", "OpenDep", "ReaderDep", "RegistryDep", "RightDep", "SelfDep",
    "SettingsDep", "StrictQuery", "Text", "all_cities", "checked_text", "editable_layer", "one_city", "parse_bbox",
    "visible_layer", "visible_layers",
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
MeDep = Annotated[Actor, Depends(Requires(Action.ME))]
SelfDep = Annotated[Actor, Depends(Requires(Action.SELF))]


class Connector:
    """Hands out connections on which the right of the request's actor holds: ``async with connect.queries() as connection``."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._pools: Pools = request.app.state.pools
        self._rights: RightCache = request.app.state.rights

    @property
    def _account(self) -> int:
        # set by the route's Requires, which may run after this object is made; without one nothing is seen
        actor: Actor = getattr(self._request.state, "actor", STRANGER)
        return actor.account

    @asynccontextmanager
    async def queries(self) -> AsyncIterator[AsyncConnection[TupleRow]]:
        """A connection for queries."""
        async with self._pools.queries.connection() as connection, acting(connection, self._account):
            yield connection

    @asynccontextmanager
    async def tiles(self) -> AsyncIterator[AsyncConnection[TupleRow]]:
        """A connection for tiles."""
        async with self._pools.tiles.connection() as connection, acting(connection, self._account):
            yield connection

    @property
    def gated(self) -> bool:
        """True where ``&&`` is not leakproof; known as soon as there is a connection."""
        return self._pools.gated

    async def right(self) -> Right:
        """What the actor holds."""
        known = self._rights.known(self._account)
        if known is not None:
            return known
        async with self.queries() as connection:
            return await self._rights.read(connection, self._account)


async def _connector(request: Request) -> Connector:
    return Connector(request)


Connect = Annotated[Connector, Depends(_connector)]


async def _right(_: ReaderDep, connect: Connect) -> Right:
    return await connect.right()


RightDep = Annotated[Right, Depends(_right)]


async def _exactness(settings: SettingsDep, right: RightDep) -> Exactness:
    return Exactness(settings.exact_count_limit, right)


ExactnessDep = Annotated[Exactness, Depends(_exactness)]


def visible_layers(registry: Registry, right: Right) -> list[Layer]:
    """Returns the layers that may be read somewhere."""
    return [layer for layer in registry if right.may("read", layer)]


def visible_layer(registry: Registry, right: Right, layer_id: str) -> Layer:
    """Returns a layer that may be read somewhere.

    Raises:
        ApiError: 404, unknown and forbidden alike.
    """
    layer = registry.get(layer_id)
    if layer is None or not right.may("read", layer):
        error = not_found(f"没有图层“{layer_id[:60]}”", f"there is no layer {layer_id[:60]!r}", "layer", layer_id)
        raise error.because_denied() if layer is not None else error
    return layer


def editable_layer(registry: Registry, right: Right, layer_id: str) -> Layer:
    """Returns a layer that may be edited somewhere.

    Raises:
        ApiError: 404 as ``visible_layer``, 403 where it may be read only.
    """
    layer = visible_layer(registry, right, layer_id)
    if not right.may("edit", layer):
        zh, en = f"您没有编辑图层“{layer.title.zh}”的权限", f"you may not edit the layer {layer.id!r}"
        raise ApiError(403, "forbidden", zh, en, "layer", layer.id).because_denied()
    return layer


async def _layer(registry: RegistryDep, right: RightDep, layer: Annotated[Text, Path(description="layer id")]) -> Layer:
    return visible_layer(registry, right, layer)


# The one way to a layer: existence and right are settled before a handler runs.
LayerDep = Annotated[Layer, Depends(_layer)]


async def all_cities(connection: AsyncConnection[TupleRow]) -> list[City]:
    """Returns all cities."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(SELECT_SEEN + "ORDER BY id")
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
