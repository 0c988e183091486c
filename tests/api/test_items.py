"""OGC API - Features over a known town: pages, filters, paging, errors; compared with GDAL and with the arrays put in."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from tests.support.serving import Address
from tests.support.signed import signed_in
from tests.support.town import CASES, COMPONENTS, UNPLACED, Town

ITEMS = "/ogc/collections/component/items"


def get(client: TestClient, path: str, **params: Any) -> dict[str, Any]:
    answer = client.get(path, params=params)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_landing_and_links_work(client: TestClient) -> None:
    landing = get(client, "/ogc")
    rels = {link["rel"]: link["href"] for link in landing["links"]}
    assert {"self", "conformance", "data", "service-desc"} <= set(rels)
    for href in rels.values():
        assert client.get(href).status_code == 200, href
    for described in get(client, "/ogc/collections")["collections"]:
        for link in described["links"]:
            assert client.get(link["href"]).status_code == 200, link


def test_collection_extent_is_that_of_its_city(client: TestClient, town: Town) -> None:
    west, south, east, north = get(client, "/ogc/collections/component", city="town")["extent"]["spatial"]["bbox"][0]
    assert np.allclose([west, south, east, north], [town.lon.min(), town.lat.min(), town.lon.max(), town.lat.max()], atol=1e-6)


def test_a_bounding_box_holds_what_numpy_finds(client: TestClient, town: Town) -> None:
    west, south, east, north = 114.004, 34.803, 114.013, 34.814
    inside = (town.lon >= west) & (town.lon <= east) & (town.lat >= south) & (town.lat <= north)
    found = get(client, ITEMS, city="town", bbox=f"{west},{south},{east},{north}", limit=10000)
    assert found["numberMatched"] == found["numberReturned"] == inside.sum()
    broken = get(client, ITEMS, city="town", bbox=f"{west},{south},{east},{north}", status="破损", limit=1)
    assert broken["numberMatched"] == (inside & (town.status == "破损")).sum()
    assert broken["numberReturned"] == 1


def test_a_repeated_field_means_any_of_its_values(client: TestClient, town: Town) -> None:
    found = client.get(f"{ITEMS}?city=town&status=破损&status=丢失&limit=10000").json()
    assert found["numberMatched"] == (town.status != "完好").sum()
    assert {feature["properties"]["status"] for feature in found["features"]} == {"破损", "丢失"}
    counted = client.get("/api/statistics?layer=component&city=town&status=破损&status=丢失").json()
    assert counted["total"] == found["numberMatched"]
    many = "&".join(["status=破损"] * 101)
    assert client.get(f"{ITEMS}?{many}").status_code == 400


def test_paging_meets_every_feature_once(client: TestClient) -> None:
    seen: list[int] = []
    href: str | None = f"{ITEMS}?city=town&limit=97"
    while href:
        page = client.get(href).json()
        assert page["numberMatched"] == COMPONENTS
        seen += [feature["id"] for feature in page["features"]]
        href = next((link["href"] for link in page["links"] if link["rel"] == "next"), None)
    assert len(seen) == len(set(seen)) == COMPONENTS
    assert seen == sorted(seen)


def test_properties_come_back_to_the_letter(client: TestClient) -> None:
    feature = get(client, "/ogc/collections/case/items", city="town", limit=1)["features"][0]
    assert feature["properties"]["description"] == '路面\t积水\n第二行\\ "引号"'
    assert feature["properties"]["filed_at"].endswith("+08:00")
    again = get(client, f"/ogc/collections/case/items/{feature['id']}")
    assert again["properties"] == feature["properties"] and again["geometry"] == feature["geometry"]


def test_unplaced_cases_are_listed_and_take_their_city_as_area(client: TestClient) -> None:
    found = get(client, "/ogc/collections/case/items", city="town", limit=1000)
    unplaced = [feature for feature in found["features"] if feature["geometry"] is None]
    assert (found["numberMatched"], len(unplaced)) == (CASES, UNPLACED)
    assert {feature["properties"]["area"] for feature in unplaced} == {"990101"}
    tree = {layer["id"]: layer for layer in get(client, "/api/layers", city="town")["layers"]}
    assert (tree["case"]["count"], tree["case"]["unplaced"]) == (CASES, UNPLACED)


def test_area_and_grid_code_follow_from_the_place(client: TestClient) -> None:
    for feature in get(client, ITEMS, city="town", limit=200)["features"]:
        lon, lat = feature["geometry"]["coordinates"]
        assert feature["properties"]["area"] == ("9901010101" if lon < 114.01 else "9901010102")
        column, row = int((lon - 114) / 0.002), int((lat - 34.8) / 0.002)
        assert feature["properties"]["grid_code"] == f"9901010101{row * 10 + column:02d}"


def test_datetime_filters_the_layers_own_time(client: TestClient) -> None:
    path = "/ogc/collections/case/items"
    assert get(client, path, city="town", datetime="2026-11-01")["numberMatched"] == 2  # 16:00 and 22:00 in Shanghai
    assert get(client, path, city="town", datetime="../2026-10-31")["numberMatched"] == 0
    assert get(client, path, city="town", datetime="2026-11-01T00:00:00Z/..")["numberMatched"] == CASES
    assert get(client, "/ogc/collections/road/items", city="town", datetime="2020-01-01")["numberMatched"] == 2


def test_item_etag_is_its_version(client: TestClient) -> None:
    answer = client.get(f"{ITEMS}/1")
    assert answer.headers["etag"] == '"1"'
    assert client.get(f"{ITEMS}/1", headers={"If-None-Match": '"1"'}).status_code == 304


@pytest.mark.parametrize(
    ("path", "status", "field"),
    [
        (f"{ITEMS}?nonsense=1", 400, "nonsense"),
        (f"{ITEMS}?limit=0", 400, "limit"),
        (f"{ITEMS}?limit=nan", 400, "limit"),
        (f"{ITEMS}?bbox=1,2,3", 400, "bbox"),
        (f"{ITEMS}?bbox=nan,34,115,35", 400, "bbox"),
        (f"{ITEMS}?bbox=115,34,114,35", 400, "bbox"),
        (f"{ITEMS}?bbox=114,34,114,95", 400, "bbox"),
        (f"{ITEMS}?after=-1", 400, "after"),
        (f"{ITEMS}?datetime=yesterday", 400, "datetime"),
        (f"{ITEMS}?datetime=../..%2F..", 400, "datetime"),
        (f"{ITEMS}?started_on=2020-13-01", 400, "started_on"),
        (f"{ITEMS}?name=%00", 400, "name"),
        (f"{ITEMS}?city=nowhere", 404, "city"),
        ("/ogc/collections/nothing/items", 404, "layer"),
        (f"{ITEMS}/0", 404, "id"),
        (f"{ITEMS}/99999999", 404, "id"),
        (f"{ITEMS}/1e3", 404, "id"),
        (f"{ITEMS}/1?x=1", 400, "x"),
        ("/ogc/styles/pink", 404, "style"),
        ("/ogc/collections?limit=1", 400, "limit"),
        ("/ogc/collections/road/items?lanes=99999999999999999999", 400, "lanes"),
    ],
)
def test_bad_requests_name_the_field(client: TestClient, path: str, status: int, field: str) -> None:
    answer = client.get(path)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["field"] == field
    assert body["detail"] and body["detail_en"] and body["type"].startswith("urn:wanmi:problem:")


def test_sql_in_a_filter_is_a_value(client: TestClient) -> None:
    for hostile in ("' OR 1=1 --", "完好'; SELECT pg_sleep(5); --", "%(city)s", "{0}", "\\"):
        assert get(client, ITEMS, city="town", status=hostile)["numberMatched"] == 0


def test_the_count_is_an_estimate_only_above_the_limit(server: Any, database: str, engine: Engine, town: Town) -> None:
    from api.app import create_app
    from spatial.settings import load_settings

    app = create_app(load_settings({}, exact_count_limit=1000), server.app(database), owner_dsn=server.owner(database))
    with signed_in(app, engine) as small:
        assert "numberMatched" in small.get(ITEMS, params={"city": "town"}).json()
        more = small.get("/ogc/collections/component/items", params={"limit": 1}).json()
        assert more.get("numberMatched") == COMPONENTS + 10


def test_gdal_reads_every_item(live: Address) -> None:
    """OGR's own OGC API client, its paging and its bounding box against ours."""
    done = subprocess.run(
        ["ogrinfo", "-ro", "-al", "-so", f"OAPIF:{live}/ogc", "component", "-oo", "PAGE_SIZE=200"],
        capture_output=True,
        text=True,
        check=True,
        env=live.gdal,
    )
    assert f"Feature Count: {COMPONENTS + 10}" in done.stdout
    assert "status: String" in done.stdout
    box = ["-spat", "114.1", "34.7", "114.2", "34.9"]
    far = subprocess.run(
        ["ogrinfo", "-ro", "-al", "-so", f"OAPIF:{live}/ogc", "component", *box], capture_output=True, text=True, check=True, env=live.gdal
    )
    assert "Feature Count: 10\n" in far.stdout


def test_openapi_is_a_valid_3_0_document(client: TestClient) -> None:
    answer = client.get("/ogc/api")
    assert answer.headers["content-type"] == "application/vnd.oai.openapi+json;version=3.0"
    document = answer.json()
    assert document["openapi"] == "3.0.3"
    assert "anyOf" not in json.dumps(document)
    for path in ("/ogc/collections/component/items", "/ogc/collections/component/items/{featureId}"):
        assert path in document["paths"]
    for path, entry in document["paths"].items():
        for parameter in entry["get"]["parameters"]:
            if "$ref" in parameter:
                assert parameter["$ref"].rsplit("/", 1)[1] in document["components"]["parameters"], path
