"""What is in a city, where it is from, whether it may be used, how fresh it is; and the cities side by side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path

from api.dependencies import Connect, ExactnessDep, RegistryDep, RightDep, Text, all_cities, one_city, visible_layers
from api.errors import not_found
from api.onemap import describe_city
from layers.catalogue import Registry
from layers.model import Layer
from layers.stream import Stream
from spatial.cities import City
from spatial.datasets import Dataset
from spatial.features import Count
from spatial.inventory import Area, Holding, Load, areas, city_datasets, holdings, key_layers, loads

__all__ = ["router"]

router = APIRouter(prefix="/api/cities", tags=["one-map"])
NEVER = Load(0, None)


@router.get("/figures")
async def get_figures(registry: RegistryDep, right: RightDep, exactness: ExactnessDep, connect: Connect) -> dict[str, Any]:
    """Answers the key figures of every city: grids, components, cases, addresses, buildings, pipes, area, last load."""
    layers = key_layers(visible_layers(registry, right))
    async with connect.queries() as connection:
        cities = await all_cities(connection)
        held = await holdings(connection, cities, layers, (), exactness)
        sizes, loaded = await areas(connection, registry), await loads(connection)
    return {"cities": [_figures(city, layers, held, sizes[city.id], loaded.get(city.id, NEVER)) for city in cities]}


def _figures(city: City, layers: Sequence[Layer], held: dict[tuple[int, str], Holding], area: Area, load: Load) -> dict[str, Any]:
    return {
        "key": city.key,
        "title": {"zh": city.title_zh, "en": city.title_en},
        "area_km2": round(area.km2, 3),
        "area_of": area.of.title.model_dump() if area.of is not None else None,
        "datasets": load.datasets,
        "loaded_at": _moment(load.at),
        "layers": [{"id": layer.id, "title": layer.title.model_dump(), **_count(held[city.id, layer.id].rows)} for layer in layers],
    }


@router.get("/{key}/datasets")
async def get_datasets(
    registry: RegistryDep, right: RightDep, exactness: ExactnessDep, connect: Connect, key: Annotated[Text, Path(description="city key")]
) -> dict[str, Any]:
    """Answers the datasets of a city beside what its layers and streams hold now, with totals."""
    layers = visible_layers(registry, right)
    streams = [stream for stream in registry.streams.values() if right.may("read", stream)]
    async with connect.queries() as connection:
        city = await one_city(connection, key)
        if city is None:  # only without a key, and the path always has one
            raise not_found("没有这个城市", "there is no such city", "city", key)
        held = await holdings(connection, [city], layers, streams, exactness)
        known = {layer.id for layer in layers} | {stream.id for stream in streams}
        found = [item for item in await city_datasets(connection, city) if item.layer is None or item.layer in known]
    return {
        "city": describe_city(city),
        "totals": _totals(found, [held[city.id, layer.id] for layer in layers]),
        "groups": [{"id": group.id, "title": group.title.model_dump()} for group in registry.groups],
        "layers": [_describe_layer(layer, held[city.id, layer.id]) for layer in layers],
        "streams": [_describe_stream(stream, registry, held[city.id, stream.id]) for stream in streams],
        "datasets": [_describe_dataset(item) for item in found],
    }


def _totals(found: Sequence[Dataset], held: Sequence[Holding]) -> dict[str, Any]:
    """Totals over the layers; readings of streams are no objects and are not among them."""
    rows, unplaced = _sum(item.rows for item in held), _sum(item.unplaced for item in held)
    moments = [item.loaded_at for item in found if item.loaded_at is not None]
    return {
        "datasets": len(found),
        "layers": sum(item.rows.rows > 0 for item in held),
        **_count(rows),
        "placed": rows.rows - unplaced.rows,
        "unplaced": unplaced.rows,
        "loaded_at": _moment(max(moments, default=None)),
    }


def _sum(counts: Iterable[Count]) -> Count:
    """Adds numbers; the sum is exact when all are.

    >>> _sum([Count(1, True), Count(2, False)])
    Count(rows=3, exact=False)
    """
    listed = list(counts)
    return Count(sum(count.rows for count in listed), all(count.exact for count in listed))


def _count(count: Count) -> dict[str, Any]:
    return {"rows": count.rows, "exact": count.exact}


def _describe_layer(layer: Layer, holding: Holding) -> dict[str, Any]:
    return {
        "id": layer.id, "title": layer.title.model_dump(), "group": layer.group, **_count(holding.rows), "unplaced": holding.unplaced.rows,
    }  # fmt: skip


def _describe_stream(stream: Stream, registry: Registry, holding: Holding) -> dict[str, Any]:
    """A stream stands in the group of the layer that it belongs to."""
    home = registry.by_role(stream.of) if stream.of is not None and registry.has_role(stream.of) else None
    return {
        "id": stream.id, "title": stream.title.model_dump(), "group": home.group if home is not None else None, **_count(holding.rows),
        "first": _moment(holding.first), "last": _moment(holding.last),
    }  # fmt: skip


def _describe_dataset(item: Dataset) -> dict[str, Any]:
    return {
        "key": item.key,
        "kind": item.kind,
        "layer": item.layer,
        "title": {"zh": item.title_zh, "en": item.title_en},
        "source": item.source,
        "source_url": item.source_url,
        "licence": item.licence,
        "attribution": item.attribution,
        "recipe": item.recipe,
        "files": list(item.files),
        "read": item.read,
        "written": item.written,
        "refused": item.refused,
        "set_aside": item.set_aside,
        "repaired": item.repaired,
        "extent": list(item.extent) if item.extent is not None else None,
        "metadata": dict(item.metadata),
        "loaded_at": _moment(item.loaded_at),
        "seconds": item.seconds,
    }


def _moment(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment is not None else None
