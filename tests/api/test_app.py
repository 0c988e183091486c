"""The application as a whole: declared rights, headers, health, and what happens when the database is away."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator

import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from sqlalchemy import Engine
from starlette.routing import BaseRoute, Mount

from api.access import Requires
from api.app import create_app
from layers.style import THEMES
from spatial.settings import load_settings
from tests.support.cluster import Server
from tests.support.signed import signed_in
from tests.support.town import Town


def walk(routes: Iterable[BaseRoute]) -> Iterator[BaseRoute]:
    """Every route, those of included routers too."""
    for route in routes:
        included = getattr(route, "original_router", None)
        if included is not None:
            yield from walk(included.routes)
        else:
            yield route


def declared(route: APIRoute) -> list[Requires]:
    found = []
    waiting = [route.dependant]
    while waiting:
        dependant = waiting.pop()
        waiting += dependant.dependencies
        if isinstance(dependant.call, Requires):
            found.append(dependant.call)
    return found


def test_every_route_declares_who_may_use_it(client: TestClient) -> None:
    routes = list(walk(client.app.routes))  # type: ignore[attr-defined]
    assert sum(isinstance(route, APIRoute) for route in routes) > 15
    for route in routes:
        if isinstance(route, APIRoute):
            assert declared(route), f"{route.path} declares no right"
        else:
            assert isinstance(route, Mount) and route.path == "/static", route


def test_security_headers_on_every_kind_of_answer(client: TestClient) -> None:
    for path in ("/", "/healthz", "/ogc", "/nothing", "/static/index.html", "/ogc/collections/component/items?x=1"):
        answer = client.get(path)
        policy = answer.headers["content-security-policy"]
        assert "unsafe" not in policy and "default-src 'self'" in policy and "http:" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["/", "/login"])
def test_the_import_map_is_allowed_by_its_hash_alone(client: TestClient, path: str) -> None:
    answer = client.get(path)
    inline = re.findall(r"<script(?![^>]*src=)[^>]*>(.*?)</script>", answer.text, re.DOTALL)
    assert len(inline) == 1
    digest = base64.b64encode(hashlib.sha256(inline[0].encode()).digest()).decode()
    assert f"'sha256-{digest}'" in answer.headers["content-security-policy"]


def test_a_foreign_host_name_is_refused(client: TestClient) -> None:
    assert client.get("/api/cities", headers={"Host": "evil.example"}).status_code == 400
    assert client.get("/api/cities", headers={"Host": "localhost:8000"}).status_code == 200


def test_health_and_readiness(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    ready = client.get("/readyz")
    assert (ready.status_code, ready.json()["checks"]) == (200, {"database": True, "migrations": True, "disk": True})


def test_without_a_database_reads_are_503_and_life_goes_on() -> None:
    app = create_app(load_settings({}, queue_seconds=0.5), "postgresql://nobody@127.0.0.1:9/none")
    credentials = {"Authorization": f"Bearer wanmi_abcdefgh_{'x' * 43}"}
    with TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False, headers=credentials) as lonely:
        assert lonely.get("/healthz").status_code == 200
        assert lonely.get("/readyz").status_code == 503
        answer = lonely.get("/api/cities")
        assert answer.status_code == 503
        assert answer.headers["retry-after"]
        assert "9" not in answer.json()["detail"] and "connection" not in answer.text
        assert lonely.get("/static/index.html").status_code == 200


def test_a_slow_query_is_cut_and_said(server: Server, database: str, engine: Engine, town: Town) -> None:
    app = create_app(load_settings({}, query_timeout_seconds=0.001), server.app(database), owner_dsn=server.owner(database))
    with signed_in(app, engine) as hurried:
        answer = hurried.get("/ogc/collections/component/items", params={"limit": 10000})
        assert answer.status_code == 503
        assert "超时" in answer.json()["detail"] or "不可用" in answer.json()["detail"]


@pytest.mark.parametrize("theme", THEMES)
def test_styles_name_only_our_own_sources(client: TestClient, theme: str) -> None:
    style = client.get(f"/ogc/styles/{theme}", params={"city": "town"}).json()
    assert "glyphs" not in style and "sprite" not in style
    for source in style["sources"].values():
        assert all(address.startswith("http://127.0.0.1:8000/ogc/") for address in source["tiles"])
    for part in style["layers"][1:]:
        assert part["source"] == part["source-layer"] == part["metadata"]["wanmi:layer"]


def test_a_large_body_is_refused_before_it_is_read_whole(client: TestClient) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(64):
            yield b" " * 65_536

    for content in (b" " * 2_000_000, endless()):
        answer = client.post("/api/measure", content=content, headers={"Content-Type": "application/json"})
        assert answer.status_code == 413
        assert answer.json()["type"] == "urn:wanmi:problem:too-large"


def test_methods_that_write_are_refused(client: TestClient) -> None:
    for method in ("post", "put", "patch", "delete"):
        answer = getattr(client, method)("/ogc/collections/component/items")
        assert answer.status_code == 405
        assert answer.headers["content-type"] == "application/problem+json"
