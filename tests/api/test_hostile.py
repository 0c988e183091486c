"""Hostile values in every place that takes one: never a 500, never a driver's words, always a problem document."""

from __future__ import annotations

import itertools
import re
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient

VALUES = [
    "", "0", "-1", "nan", "inf", "1e999", "9" * 20, "%00", "\\", "'", '"', "null", "2026-01-01", "../..", "a" * 5000, "%ed%a0%80", "\u202e",
    "1,2,3,4", "114,34.7,114.1,34.8", "{z}", "%25(x)s", "%25s", "[]", "{}", ";--", "' OR 1=1 --", "路", "𠀀", "$$", "pg_sleep(9)",
]  # fmt: skip
PATHS = [
    "/ogc/collections/{v}", "/ogc/collections/{v}/items", "/ogc/collections/component/items/{v}",
    "/ogc/styles/{v}", "/ogc/tileMatrixSets/{v}",
    "/ogc/collections/component/tiles/{v}", "/ogc/collections/component/tiles/WebMercatorQuad/{v}/1/1", "/static/{v}", "/{v}",
    "/tiles/{v}/5/0/0", "/tiles/component/{v}/0/0", "/tiles/component/5/{v}/0", "/tiles/component/5/0/{v}",
]  # fmt: skip
QUERIES = {
    "/ogc/collections/component/items": ["city", "bbox", "limit", "after", "datetime", "f", "code", "status", "started_on", "area", "{v}"],
    "/ogc/collections/case/items": ["filed_at", "stage", "description"],
    "/ogc/collections/road/items": ["lanes", "width_m"],
    "/api/search?city=town": ["q", "bbox", "limit", "city"],
    "/api/statistics?layer=component": ["by", "bbox", "city", "status"],
    "/api/identify?layers=component": ["lon=114&lat", "lat=34&lon", "lon=1&lat=1&radius_m", "lon=1&lat=1&limit", "lon=1&lat=1&city"],
    "/api/layers": ["city"],
    "/ogc/collections/component/tiles/WebMercatorQuad/5/1/1": ["city"],
}
DRIVER_WORDS = re.compile(r"psycopg|postgres|syntax error|traceback|relation \"|sqlstate|line \d+", re.IGNORECASE)


def addresses() -> list[str]:
    found = [path.replace("{v}", quote(value, safe="%")) for path, value in itertools.product(PATHS, VALUES)]
    for path, names in QUERIES.items():
        joint = "&" if "?" in path else "?"
        for name, value in itertools.product(names, VALUES):
            safe = quote(value, safe="%")
            found.append(f"{path}{joint}{name.replace('{v}', safe)}={safe}")
    return found


def test_no_address_breaks_the_server(client: TestClient) -> None:
    asked = addresses()
    assert len(asked) > 1000
    for address in asked:
        answer = client.get(address)
        assert answer.status_code < 500, f"{address}: {answer.text[:200]}"
        if answer.status_code >= 400:
            assert answer.headers["content-type"] == "application/problem+json", address
            assert not DRIVER_WORDS.search(answer.text), f"{address}: {answer.text[:200]}"


@pytest.mark.parametrize("depth", [10, 500, 50_000])
def test_nested_bodies_break_nothing(client: TestClient, depth: int) -> None:
    body = '{"geometry":{"type":"LineString","coordinates":' + "[" * depth + "]" * depth + "}}"
    answer = client.post("/api/measure", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400, answer.text[:200]
