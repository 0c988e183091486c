"""Vector tiles decoded by an independent reader: counts add up, seams agree, bytes are stable."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import mapbox_vector_tile
import mercantile
import numpy as np
import pytest
from fastapi.testclient import TestClient

from layers.catalogue import Registry
from tests.support.serving import Address
from tests.support.town import BBOX, CASES, COMPONENTS, UNPLACED, Town
from tiles.grids import TileError, checked_tile, limits


def tile(client: TestClient, layer: str, z: int, x: int, y: int, city: str | None = "town") -> dict[str, Any]:
    answer = client.get(f"/ogc/collections/{layer}/tiles/WebMercatorQuad/{z}/{y}/{x}", params={"city": city} if city else {})
    if answer.status_code == 204:
        assert answer.content == b""
        return {"features": []}
    assert answer.status_code == 200, answer.text
    decoded = mapbox_vector_tile.decode(answer.content, default_options={"y_coord_down": True})
    assert list(decoded) == [layer]
    return dict(decoded[layer])


def covering(z: int) -> list[mercantile.Tile]:
    return list(mercantile.tiles(*BBOX, z))


@pytest.mark.parametrize("zoom", [9, 12, 14, 15, 16, 17])
def test_the_sum_over_tiles_is_the_number_of_features(client: TestClient, town: Town, zoom: int) -> None:
    features = [feature for t in covering(zoom) for feature in tile(client, "component", t.z, t.x, t.y)["features"]]
    assert sum(feature["properties"]["count"] for feature in features) == COMPONENTS
    if zoom < 16:
        for value in ("完好", "破损", "丢失"):
            assert sum(feature["properties"].get(f"count_{value}", 0) for feature in features) == (town.status == value).sum()
    placed = sum(f["properties"]["count"] for t in covering(zoom) for f in tile(client, "case", t.z, t.x, t.y)["features"])
    assert placed == CASES - UNPLACED


@pytest.mark.parametrize("layer", ["unit_grid", "road", "park"])
def test_lines_and_areas_count_once(client: TestClient, layer: str) -> None:
    total = client.get("/api/statistics", params={"layer": layer, "city": "town"}).json()["total"]
    for zoom in (14, 16):
        features = [f for t in covering(zoom) for f in tile(client, layer, t.z, t.x, t.y)["features"]]
        assert sum(feature["properties"]["count"] for feature in features) == total


def test_a_point_stands_where_it_is(client: TestClient, town: Town) -> None:
    t = mercantile.tile(town.lon[0], town.lat[0], 17)
    bounds = mercantile.xy_bounds(t)
    x, y = mercantile.xy(town.lon[0], town.lat[0])
    wanted = ((x - bounds.left) / (bounds.right - bounds.left) * 4096, (bounds.top - y) / (bounds.top - bounds.bottom) * 4096)
    found = [feature["geometry"]["coordinates"] for feature in tile(client, "component", t.z, t.x, t.y)["features"]]
    assert min(np.hypot(fx - wanted[0], fy - wanted[1]) for fx, fy in found) <= 1


def test_no_seam_the_buffer_repeats_the_neighbours_points(client: TestClient) -> None:
    """What lies within the buffer of a tile's east edge stands in both tiles, with the same id."""
    for t in covering(16):
        here = {f["id"]: f["geometry"]["coordinates"] for f in tile(client, "component", t.z, t.x, t.y)["features"]}
        east = {f["id"]: f["geometry"]["coordinates"] for f in tile(client, "component", t.z, t.x + 1, t.y)["features"]}
        for key, (x, _) in here.items():
            if 4096 - 63 <= x <= 4096:
                assert key in east
                assert abs(east[key][0] - (x - 4096)) <= 1


def test_fields_come_by_zoom(client: TestClient) -> None:
    t16, t17 = mercantile.tile(114.01, 34.81, 16), mercantile.tile(114.01, 34.81, 17)
    assert set(tile(client, "component", *_zxy(t16))["features"][0]["properties"]) == {"count", "name", "class_code", "status"}
    assert set(tile(client, "component", *_zxy(t17))["features"][0]["properties"]) == {"count", "name", "class_code", "status", "code"}


def _zxy(t: mercantile.Tile) -> tuple[int, int, int]:
    return t.z, t.x, t.y


def test_cities_stay_apart(client: TestClient) -> None:
    t = mercantile.tile(114.115, 34.81, 9)
    assert sum(f["properties"]["count"] for f in tile(client, "component", *_zxy(t), city="other")["features"]) == 10
    assert sum(f["properties"]["count"] for f in tile(client, "component", *_zxy(t), city=None)["features"]) == COMPONENTS + 10


def test_a_tile_of_an_unknown_city_is_not_found(client: TestClient) -> None:
    answer = client.get("/tiles/component/9/418/204", params={"city": "nowhere"})
    assert (answer.status_code, answer.json()["field"]) == (404, "city")
    assert client.get("/tiles/component/9/0/0", params={"city": "town"}).status_code == 204


def test_tiles_are_stable_and_revalidate(client: TestClient) -> None:
    t = mercantile.tile(114.01, 34.81, 13)
    path = f"/tiles/component/{t.z}/{t.x}/{t.y}.pbf"
    answers = [client.get(path) for _ in range(5)]
    assert len({answer.headers["etag"] for answer in answers}) == 1
    assert client.get(path, headers={"If-None-Match": answers[0].headers["etag"]}).status_code == 304
    assert "private" in answers[0].headers["cache-control"]
    xyz, ogc = answers[0].content, client.get(f"/ogc/collections/component/tiles/WebMercatorQuad/{t.z}/{t.y}/{t.x}").content
    assert xyz == ogc


@pytest.mark.parametrize("path", ["23/0/0", "12/4096/0", "12/0/-1", "12/0/x", "-1/0/0"])
def test_outside_the_grid_is_refused(client: TestClient, path: str) -> None:
    assert client.get(f"/tiles/component/{path}").status_code in (400, 404)


def test_tilejson_names_the_layer_of_the_tile(client: TestClient, registry: Registry) -> None:
    for layer in registry:
        document = client.get(f"/ogc/collections/{layer.id}/tiles/WebMercatorQuad", params={"f": "tilejson"}).json()
        assert document["vector_layers"][0]["id"] == layer.id
        assert document["tiles"][0].endswith("/{z}/{y}/{x}")
    assert client.get("/ogc/collections/road/tiles/CGCS2000").status_code == 404


def test_tileset_limits_agree_with_mercantile() -> None:
    for entry in limits("WebMercatorQuad", (113.9, 34.7, 114.1, 34.9), 0, 18):
        zoom = int(entry["tileMatrix"])
        corner, opposite = mercantile.tile(113.9, 34.9, zoom), mercantile.tile(114.1, 34.7, zoom)
        assert (entry["minTileCol"], entry["minTileRow"]) == (corner.x, corner.y)
        assert (entry["maxTileCol"], entry["maxTileRow"]) == (opposite.x, opposite.y)
    with pytest.raises(TileError):
        checked_tile(3, 8, 0)


def test_gdal_reads_a_tile(live: Address, tmp_path: Path) -> None:
    t = mercantile.tile(114.01, 34.81, 16)
    address = f"MVT:{live}/tiles/component/{t.z}/{t.x}/{t.y}.pbf"
    done = subprocess.run(
        ["ogrinfo", "-ro", "-al", "-so", address, "-oo", "CLIP=NO"], capture_output=True, text=True, check=True, env=live.gdal
    )
    assert "Layer name: component" in done.stdout
    assert "status: String" in done.stdout
    assert "Feature Count: 0" not in done.stdout


def test_a_bad_row_never_gets_in(engine: Any) -> None:
    """A NaN point would match every tile and kill it; the table itself refuses it, whatever way it takes."""
    from sqlalchemy import text
    from sqlalchemy.exc import IntegrityError

    insert = "INSERT INTO layer.component (city, area, geom, code, name, class_code, status) VALUES (1, '99', {}, 'x', 'x', '0101', '完好')"
    for point in (
        "ST_SetSRID(ST_MakePoint('NaN', 34), 4490)",
        "ST_SetSRID(ST_MakePoint(114, 'Infinity'), 4490)",
        "ST_SetSRID('POINT EMPTY'::geometry, 4490)",
    ):
        with pytest.raises(IntegrityError, match="ck_component_geometry"), engine.begin() as connection:
            connection.execute(text(insert.format(point)))
