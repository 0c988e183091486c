"""The city page's numbers: equal to SQL's, honest about estimates, and the cities side by side."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
import shapely
from fastapi.testclient import TestClient
from pyproj import Geod
from sqlalchemy import Engine, text

from api.app import create_app
from data.table import LayerTable
from layers.catalogue import Registry
from spatial.cities import City, add_city
from spatial.datasets import Dataset, record_dataset
from spatial.settings import load_settings
from tests.api.test_hostile import DRIVER_WORDS, VALUES
from tests.support.cluster import Server
from tests.support.readings import append_readings
from tests.support.signed import signed_in
from tests.support.town import CASES, COMPONENTS, UNPLACED, Town

EXTENT = (114.0, 34.8, 114.02, 34.82)
LAMPS = Dataset(
    "lamps", "layer", "路灯", "Lamps", layer="component", source="某市城管局", source_url="https://example.org/lamps", licence="CC BY 4.0",
    attribution="© 某市", recipe="town", files=("lamps.csv",), read=903, written=900, refused=1, set_aside=2, repaired=4,
    extent=EXTENT, seconds=1.5,
)  # fmt: skip
RASTER = Dataset(
    "dem", "raster", "高程", "Terrain", path="town/dem.tif", extent=EXTENT, metadata={"width": 40, "height": 30, "resolution_m": 30.0}
)
READINGS = Dataset("values", "stream", "读数", "Readings", layer="sensor_value", read=50, written=50)
GONE = Dataset("gone", "layer", "旧图层", "Old layer", layer="no_longer_declared", written=3)


@pytest.fixture(scope="module")
def loaded(engine: Engine, registry: Registry, town: Town) -> Town:
    """The town with three datasets, one of a layer that is gone, and fifty readings; a third city holds nothing."""
    stream = registry.streams[READINGS.layer or ""]
    moments = np.datetime64("2026-07-01T00:00:00") + np.arange(50) * np.timedelta64(1, "D")
    values = LayerTable(
        stream.id,
        {"sensor_code": ["S1"] * 50, "measured_at": list(moments.astype("datetime64[us]").astype(object)), "value": [1.0] * 50},
        np.full(50, None),
    )
    with engine.begin() as connection:
        for dataset in (LAMPS, RASTER, READINGS, GONE):
            record_dataset(connection, town.city, dataset)
        append_readings(connection, stream, town.city, values)
        add_city(connection, City("bare", "空城", "Bare", "990301", (115.0, 34.7, 115.1, 34.8), profile="local"))
    return town


def get(client: TestClient, path: str) -> dict[str, Any]:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def counted(engine: Engine, layer: str, city: City, condition: str = "true", schema: str = "layer") -> int:
    with engine.connect() as connection:
        statement = text(f'SELECT count(*) FROM {schema}."{layer}" WHERE city = :city AND {condition}')
        return int(connection.scalar(statement, {"city": city.id}) or 0)


def test_counts_are_those_of_sql(client: TestClient, loaded: Town, engine: Engine, registry: Registry) -> None:
    answer = get(client, "/api/cities/town/datasets")
    assert [layer["id"] for layer in answer["layers"]] == list(registry.layers)
    for layer in answer["layers"]:
        assert (layer["rows"], layer["exact"]) == (counted(engine, layer["id"], loaded.city), True)
        assert layer["unplaced"] == counted(engine, layer["id"], loaded.city, "geom IS NULL")
    totals = answer["totals"]
    assert totals["rows"] == sum(layer["rows"] for layer in answer["layers"]) == totals["placed"] + UNPLACED
    assert (totals["unplaced"], totals["exact"]) == (UNPLACED, True)
    assert totals["layers"] == sum(layer["rows"] > 0 for layer in answer["layers"])


def test_datasets_come_back_as_recorded(client: TestClient, loaded: Town) -> None:
    answer = get(client, "/api/cities/town/datasets")
    found = {item["key"]: item for item in answer["datasets"]}
    assert list(found) == ["lamps", "dem", "values"], "what the registry does not know is not shown"
    lamps = found["lamps"]
    for name in (
        "source",
        "source_url",
        "licence",
        "attribution",
        "recipe",
        "read",
        "written",
        "refused",
        "set_aside",
        "repaired",
        "seconds",
    ):
        assert lamps[name] == getattr(LAMPS, name), name
    assert (lamps["extent"], lamps["files"], lamps["title"]) == (list(EXTENT), ["lamps.csv"], {"zh": "路灯", "en": "Lamps"})
    assert found["dem"]["layer"] is None and found["dem"]["metadata"] == RASTER.metadata
    assert "path" not in found["dem"], "where files lie is the house's own business"
    assert answer["totals"]["datasets"] == 3
    assert answer["totals"]["loaded_at"] == max(item["loaded_at"] for item in answer["datasets"])
    assert answer["city"]["metric_title"]["en"].endswith("CM 114E") and answer["city"]["datum"] == "CGCS2000"


def test_a_stream_tells_its_span_and_stands_with_its_layer(client: TestClient, loaded: Town, engine: Engine, registry: Registry) -> None:
    streams = {stream["id"]: stream for stream in get(client, "/api/cities/town/datasets")["streams"]}
    assert list(streams) == list(registry.streams)
    values = streams[READINGS.layer or ""]
    assert values["rows"] == counted(engine, values["id"], loaded.city, schema="stream") == 50
    with engine.connect() as connection:
        first, last = connection.execute(text("SELECT min(measured_at), max(measured_at) FROM stream.sensor_value")).one()
    assert (values["first"], values["last"]) == (first.isoformat(), last.isoformat())
    assert values["group"] == registry.by_role("sensor").group
    empty = next(stream for stream in streams.values() if stream is not values)
    assert (empty["rows"], empty["first"], empty["last"]) == (0, None, None)


def test_a_city_without_datasets(client: TestClient, loaded: Town) -> None:
    answer = get(client, "/api/cities/bare/datasets")
    assert answer["datasets"] == []
    assert answer["totals"] == {
        "datasets": 0, "layers": 0, "rows": 0, "exact": True, "placed": 0, "unplaced": 0, "loaded_at": None,
    }  # fmt: skip
    other = get(client, "/api/cities/other/datasets")
    assert other["datasets"] == [] and other["totals"]["rows"] == 10, "rows of which no source is recorded"


def test_an_unknown_city_is_a_bilingual_404(client: TestClient) -> None:
    answer = client.get("/api/cities/nowhere/datasets")
    assert answer.status_code == 404 and answer.headers["content-type"] == "application/problem+json"
    assert "没有城市" in answer.json()["detail"] and "no city" in answer.json()["detail_en"]
    assert answer.json()["field"] == "city"


@pytest.mark.parametrize("value", VALUES)
def test_hostile_city_keys_break_nothing(client: TestClient, value: str) -> None:
    answer = client.get(f"/api/cities/{quote(value, safe='%')}/datasets")
    assert answer.status_code in (400, 404), answer.text[:200]
    assert answer.headers["content-type"] == "application/problem+json" and not DRIVER_WORDS.search(answer.text)


def test_cities_side_by_side(client: TestClient, loaded: Town, registry: Registry) -> None:
    cities = {city["key"]: city for city in get(client, "/api/cities/figures")["cities"]}
    assert list(cities) == ["town", "other", "bare"]
    by_id = {layer["id"]: layer["rows"] for layer in cities["town"]["layers"]}
    rows = {"grid": 100, "component": COMPONENTS, "case": CASES, "address": 0, "building": 0, "pipeline": 0}
    assert by_id == {registry.by_role(role).id: number for role, number in rows.items()}
    assert {layer["id"]: layer["rows"] for layer in cities["other"]["layers"]}[registry.by_role("component").id] == 10
    assert cities["bare"]["datasets"] == 0 and cities["bare"]["loaded_at"] is None
    geod = Geod(ellps="GRS80")
    for key, box, of in (("town", (114, 34.8, 114.02, 34.82), "district"), ("bare", (115.0, 34.7, 115.1, 34.8), None)):
        area = abs(geod.geometry_area_perimeter(shapely.box(*box))[0]) / 1e6
        assert abs(cities[key]["area_km2"] / area - 1) < 1e-3
        assert cities[key]["area_of"] == (registry.by_role(of).title.model_dump() if of else None)


@pytest.fixture(scope="module")
def hurried(server: Server, database: str, loaded: Town, engine: Engine) -> Iterator[TestClient]:
    """The same city, but nothing above a thousand rows is counted."""
    with engine.begin() as connection:
        connection.execute(
            text("""
                INSERT INTO layer.address (city, area, geom, code, name, kind)
                SELECT :city, '990101', ST_SetSRID(ST_MakePoint(114.01, 34.81), 4490), 'A' || i, '路' || i, 'door'
                FROM generate_series(1, 3000) i
            """),
            {"city": loaded.city.id},
        )
        connection.execute(text("ANALYZE layer.address"))
    app = create_app(load_settings({}, exact_count_limit=1000), server.app(database), owner_dsn=server.owner(database))
    with signed_in(app, engine) as found:
        yield found


def test_an_estimate_says_that_it_is_one(hurried: TestClient, registry: Registry) -> None:
    answer = get(hurried, "/api/cities/town/datasets")
    layers = {layer["id"]: layer for layer in answer["layers"]}
    address = layers.pop(registry.by_role("address").id)
    assert address["exact"] is False and 2500 < address["rows"] < 3500
    assert all(layer["exact"] for layer in layers.values())
    assert answer["totals"]["exact"] is False
    (town,) = (city for city in get(hurried, "/api/cities/figures")["cities"] if city["key"] == "town")
    assert [layer["id"] for layer in town["layers"] if not layer["exact"]] == [address["id"]]


def test_the_layer_tree_estimates_what_is_too_large_to_count(hurried: TestClient, registry: Registry, loaded: Town) -> None:
    tree = {layer["id"]: layer for layer in get(hurried, "/api/layers?city=town")["layers"]}
    address = tree.pop(registry.by_role("address").id)
    assert address["exact"] is False and 2500 < address["count"] < 3500
    assert address["unplaced"] == 0 and tuple(address["bbox"]) == loaded.city.bbox, "the city's envelope stands for the extent"
    assert all(layer["exact"] for layer in tree.values())
    component = tree[registry.by_role("component").id]
    assert component["count"] == COMPONENTS
    assert component["bbox"] == pytest.approx([loaded.lon.min(), loaded.lat.min(), loaded.lon.max(), loaded.lat.max()])
    tiles = get(hurried, f"/ogc/collections/{address['id']}/tiles/WebMercatorQuad?city=town&f=tilejson")
    assert tuple(tiles["bounds"]) == loaded.city.bbox


def test_unplaced_rows_are_found_by_an_index(hurried: TestClient, engine: Engine, loaded: Town, registry: Registry) -> None:
    address = registry.by_role("address").id
    question = text(f'EXPLAIN SELECT count(*) FROM layer."{address}" WHERE city = {loaded.city.id} AND geom IS NULL')
    with engine.connect() as connection:
        plan = connection.scalars(question).all()
    assert any(f"ix_{address}_unplaced" in line for line in plan), plan
