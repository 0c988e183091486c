"""What the one-map asks: counts that agree everywhere, search, clicks, measures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from pyproj import Geod

from layers.catalogue import Registry
from tests.support.town import COMPONENTS, Town


def get(client: TestClient, path: str, **params: Any) -> dict[str, Any]:
    answer = client.get(path, params=params)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_cities_for_the_switcher(client: TestClient) -> None:
    cities = {city["key"]: city for city in get(client, "/api/cities")["cities"]}
    assert list(cities) == ["town", "other"]
    assert cities["town"]["metric_srid"] == 4547 and cities["town"]["notice"] is None
    assert cities["other"]["notice"]["zh"] == "测试" and cities["other"]["profile"] == "2026"


def test_tree_list_and_statistics_agree(client: TestClient, registry: Registry, town: Town) -> None:
    tree = get(client, "/api/layers", city="town")
    assert [layer["id"] for layer in tree["layers"]] == list(registry.layers)
    assert {layer["group"] for layer in tree["layers"]} <= {group["id"] for group in tree["groups"]}
    for layer in tree["layers"]:
        items = get(client, f"/ogc/collections/{layer['id']}/items", city="town", limit=1)
        statistics = get(client, "/api/statistics", layer=layer["id"], city="town")
        assert layer["count"] == items["numberMatched"] == statistics["total"]
        if layer["style_by"]:
            assert [entry["value"] for entry in layer["legend"]] == [v["value"] for v in layer["domains"][_domain(layer)]]
    by = get(client, "/api/statistics", layer="component", by="status", city="town")
    assert {item["key"]: item["count"] for item in by["items"]} == {k: int((town.status == k).sum()) for k in ("完好", "破损", "丢失")}
    box = get(client, "/api/statistics", layer="component", city="town", bbox="114,34.8,114.01,34.82", status="完好")
    assert box["total"] == ((town.lon <= 114.01) & (town.status == "完好")).sum()


def _domain(layer: dict[str, Any]) -> str:
    return next(field["domain"] for field in layer["fields"] if field["key"] == layer["style_by"])


def test_class_codes_are_decoded_by_the_citys_profile(client: TestClient) -> None:
    def table(city: str) -> dict[str, str]:
        layers = {layer["role"]: layer for layer in get(client, "/api/layers", city=city)["layers"]}
        return {value["value"]: value["zh"] for value in layers["component"]["domains"]["component_class"]}

    assert table("town")["0118"] == "路灯"
    assert table("other")["01004"] == "雨水箅子"


@pytest.mark.parametrize(
    ("text", "layer", "title"),
    [
        ("中心", "park", "中心公园"),
        ("人民路", "road", "人民路"),
        ("100%_", "road", "100%_路"),
        ("9901010118000005", "component", "路灯"),
        ("2026110100003", "case", "2026110100003"),
        ("西社区", "community", "西社区"),
    ],
)
def test_search_finds_codes_and_names(client: TestClient, text: str, layer: str, title: str) -> None:
    first = get(client, "/api/search", q=text, city="town")["features"][0]
    assert (first["properties"]["layer"], first["properties"]["title"]) == (layer, title)
    feature = get(client, f"/ogc/collections/{layer}/items/{first['properties']['id']}")
    assert title in feature["properties"].values()


def test_search_mixes_layers_before_it_repeats_one(client: TestClient) -> None:
    """Nine hundred lamps (路灯 begins with 路) must not hide the roads whose names end in it."""
    found = get(client, "/api/search", q="路", city="town", limit=20)["features"]
    layers = [feature["properties"]["layer"] for feature in found]
    titles = [feature["properties"]["title"] for feature in found if feature["properties"]["layer"] == "component"]
    assert titles.index("路灯") == 0 and layers[1] != "component", "one lamp, then something else"
    assert len(found) == 20 and {"component", "road"} <= set(layers[:12])


def test_values_hidden_at_first_come_from_the_layer_file(client: TestClient, registry: Registry) -> None:
    for layer in get(client, "/api/layers", city="town")["layers"]:
        assert layer["hidden"] == list(registry.layers[layer["id"]].hidden)
        assert set(layer["hidden"]) <= {entry["value"] for entry in layer["legend"]}


def test_search_stays_in_its_city_and_box(client: TestClient) -> None:
    assert get(client, "/api/search", q="雨水", city="town")["features"] == []
    assert get(client, "/api/search", q="雨水箅子", city="other", limit=3)["numberReturned"] == 3
    assert get(client, "/api/search", q="雨水箅子", bbox="114,34.8,114.02,34.82")["features"] == []
    assert get(client, "/api/search", q="%", city="town")["features"][0]["properties"]["title"] == "100%_路"


@pytest.mark.parametrize("text", ["114.0100, 34.8100", "34.81, 114.01", "N34.81 E114.01", "114°00′36″E 34°48′36″N", "114.01，34.81"])
def test_search_reads_coordinates(client: TestClient, text: str) -> None:
    if text.startswith("N"):
        text = "34.81N 114.01E"
    first = get(client, "/api/search", q=text)["features"][0]
    assert first["properties"]["kind"] == "coordinate"
    assert np.allclose(first["geometry"]["coordinates"], [114.01, 34.81], atol=1e-9)


def test_a_click_finds_what_brute_force_finds(client: TestClient, town: Town) -> None:
    geod = Geod(ellps="GRS80")
    lon, lat, radius = 114.0087, 34.8112, 60.0
    _, _, metres = geod.inv(np.full(COMPONENTS, lon), np.full(COMPONENTS, lat), town.lon, town.lat)
    found = get(client, "/api/identify", lon=lon, lat=lat, radius_m=radius, layers="component,community,road", city="town", limit=50)
    near = [feature for feature in found["features"] if feature["layer"] == "component"]
    assert len(near) == (metres <= radius).sum() > 0
    assert [feature["distance_m"] for feature in near] == sorted(feature["distance_m"] for feature in near)
    assert abs(near[0]["distance_m"] - metres.min()) < 0.1
    assert [feature["properties"]["name"] for feature in found["features"] if feature["layer"] == "community"] == ["西社区"]


def test_a_click_looks_only_for_values_that_are_shown(client: TestClient, town: Town) -> None:
    here = {"lon": 114.01, "lat": 34.81, "radius_m": 400, "layers": "component", "city": "town", "limit": 50}
    broken = client.get("/api/identify", params={**here, "shown": ["component:破损", "component:丢失"]}).json()["features"]
    assert {feature["properties"]["status"] for feature in broken} == {"破损", "丢失"}
    everything = client.get("/api/identify", params=here).json()["features"]
    assert "完好" in {feature["properties"]["status"] for feature in everything}
    assert client.get("/api/identify", params={**here, "shown": "nonsense"}).status_code == 400


def test_measuring_is_metric_and_agrees_with_the_geodesic(client: TestClient) -> None:
    line = {"type": "LineString", "coordinates": [[113.5, 34.8], [113.6, 34.8]]}
    found = client.post("/api/measure", json={"geometry": line}).json()
    reference = Geod(ellps="GRS80").line_length([113.5, 113.6], [34.8, 34.8])
    assert abs(found["geodesic_length_m"] - reference) < 0.01
    assert abs(found["length_m"] / reference - 1) < 1e-4
    assert found["crs"] == "EPSG:4547" and "114" in found["crs_title"]["zh"]
    # the zone of the place is that of 114° E; a city to the east measures in its own
    far = client.post("/api/measure", json={"geometry": line, "city": "other"}).json()
    assert far["crs"] == "EPSG:4548" and "117" in far["crs_title"]["zh"]
    assert far["length_m"] > found["length_m"] + 1, "farther from the meridian the plane is longer"
    assert client.post("/api/measure", json={"geometry": line, "city": "nowhere"}).status_code == 404
    ring = [[113.5, 34.8], [113.6, 34.8], [113.6, 34.9], [113.5, 34.8]]
    area = client.post("/api/measure", json={"geometry": {"type": "Polygon", "coordinates": [ring]}}).json()
    assert abs(area["area_m2"] / area["geodesic_area_m2"] - 1) < 2e-4


@pytest.mark.parametrize(
    "body",
    [
        "{}",
        '{"geometry": {"type": "Point", "coordinates": [1, 2]}}',
        '{"geometry": {"type": "LineString", "coordinates": [[1, 2]]}}',
        '{"geometry": {"type": "LineString", "coordinates": [[NaN, 2], [3, 4]]}}',
        '{"geometry": {"type": "LineString", "coordinates": [["a", 2], [3, 4]]}}',
        '{"geometry": {"type": "LineString", "coordinates": [[500, 2], [3, 4]]}}',
        '{"geometry": {"type": "Polygon", "coordinates": []}}',
        '{"geometry": {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0]]]}}',
        '{"geometry": null}',
        "not json",
        '{"geometry": {"type": "LineString", "coordinates": [[1, 2], [3, 4]]}, "more": 1}',
    ],
)
def test_what_cannot_be_measured_is_a_clear_400(client: TestClient, body: str) -> None:
    answer = client.post("/api/measure", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400, answer.text
    assert answer.json()["detail"]


@pytest.mark.parametrize(
    "path",
    [
        "/api/search", "/api/search?q=", "/api/search?q=a&limit=0", "/api/search?q=%00", "/api/search?q=a&bbox=1", "/api/search?q=a&x=1",
        "/api/statistics", "/api/statistics?layer=component&by=nothing", "/api/statistics?layer=component&nothing=1",
        "/api/identify?lon=nan&lat=1&layers=road", "/api/identify?lon=200&lat=1&layers=road", "/api/identify?lon=1&lat=1",
        "/api/identify?lon=1&lat=1&layers=road&radius_m=inf", "/api/layers?nothing=1",
    ],
)  # fmt: skip
def test_bad_requests_are_400(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 400, answer.text
    assert answer.json()["detail_en"]
