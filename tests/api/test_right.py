"""For every kind of endpoint: the answer for a limited account is the full answer cut by the rules, over random rules and grants.

``ANSWERS`` names every route that reads business data with the function that compares it; a route that is not there fails the
walker, so a new kind of endpoint joins this test or is not merged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import mapbox_vector_tile
import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from api.access import Action
from layers.catalogue import Registry
from layers.model import Layer
from spatial.accounts.accounts import NewAccount, create
from spatial.accounts.model import Grant
from spatial.accounts.organisations import Organisation, add_organisation
from spatial.rights.rules import Rule, store_rules
from tests.api.test_app import declared, walk
from tests.support.signed import sign_in
from tests.support.town import Town
from tests.support.verdicts import Judge, covering, extent, scopes

WORKS = "100%_公司"
ROLES = ("component", "case", "park", "grid", "pipeline")
CITIES = ("990101", "990201")
AREAS = ("", "9901", "990101", "9901010101", "9901010102", "990201", "9902")
BOX = "114.003,34.803,114.012,34.815"
WORDS = ("路", "9901010118", "公园", "积水", "13", "G")
Feature = dict[str, Any]


@dataclass(repr=False)
class World:
    """Everything there is, as somebody without limits reads it, and a limited account."""

    client: TestClient
    engine: Engine
    registry: Registry
    full: Mapping[str, list[Feature]]
    version: int = 1

    def layers(self) -> list[Layer]:
        return [self.registry.by_role(role) for role in ROLES]


@dataclass(frozen=True)
class View:
    """What one example is about: the world and who judges."""

    world: World
    judge: Judge

    def get(self, path: str, **parameters: Any) -> Any:
        answer = self.world.client.get(path, params=parameters)
        assert answer.status_code in (200, 204, 404), answer.text
        return answer

    def rows(self, layer: Layer) -> list[Feature]:
        return [shown for feature in self.world.full[layer.id] if (shown := self.judge.shown(layer, feature)) is not None]

    def visible(self, layer: Layer) -> bool:
        return self.judge.somewhere(layer, "read")


def collected(client: TestClient, layer: Layer, **parameters: Any) -> list[Feature]:
    answer = client.get(f"/ogc/collections/{layer.id}/items", params={"limit": 10_000, **parameters})
    assert answer.status_code == 200, answer.text
    assert answer.json()["numberMatched"] == len(answer.json()["features"])
    found: list[Feature] = answer.json()["features"]
    return found


@pytest.fixture(scope="module")
def world(client: TestClient, engine: Engine, registry: Registry, town: Town) -> Iterator[World]:
    layer = registry.by_role("pipeline")
    with engine.begin() as connection:
        add_organisation(connection, Organisation("works", WORKS, "Works", "company"))
        connection.execute(
            text(f"""
                INSERT INTO layer."{layer.id}" (city, area, geom, code, kind, material, depth_from_m, owner_name)
                SELECT :city, '99010101' || lpad((1 + i % 2)::text, 2, '0'),
                       ST_SetSRID(ST_MakeLine(ST_MakePoint(114.001 + i * 0.0004, 34.802), ST_MakePoint(114.001 + i * 0.0004, 34.81)), 4490),
                       'G' || i, CASE i % 3 WHEN 0 THEN 'RQ' ELSE 'JS' END, '钢', i / 10.0, CASE i % 3 WHEN 0 THEN :owner ELSE '别家' END
                FROM generate_series(1, 40) i
            """),
            {"city": town.city.id, "owner": WORKS},
        )
        component, case = (registry.by_role(role).id for role in ("component", "case"))
        connection.execute(text(f'UPDATE layer."{component}" SET owner_name = :o WHERE id % 4 = 0'), {"o": WORKS})
        connection.execute(text(f"UPDATE layer.\"{case}\" SET reporter_name = '欧阳' || id, reporter_phone = '1391234' || (1000 + id)"))
        connection.execute(text(f'UPDATE layer."{case}" SET department_name = :o WHERE id % 2 = 0'), {"o": WORKS})
        everything = [
            Rule("gis", f"@{kind}", action, "city")
            for kind in ("public", "internal", "restricted")
            for action in ("read", "clear_internal", "clear_restricted", "clear_personal")
        ]
        store_rules(connection, 2, everything, "test", "everything")
        connection.execute(text("SELECT access.compile()"))
        create(connection, NewAccount("t-planner", "t-planner", (Grant("planner"),)))
    sign_in(client, engine, "gis")
    full = {registry.by_role(role).id: collected(client, registry.by_role(role)) for role in ROLES}
    assert all(full.values())
    yield World(client, engine, registry, full, 2)


reaches = st.sampled_from(["none", "own", "area", "city"])
narrowings = st.sampled_from([(), (), (), ("9901010101",), ("990201", "9901010102")])
actions = ("read", "clear_internal", "clear_restricted", "clear_personal")
grants = st.lists(
    st.builds(Grant, st.just("planner"), st.sampled_from(AREAS), st.sampled_from([None, "works"])), min_size=1, max_size=2, unique=True
)


@st.composite
def rule_sets(draw: st.DrawFn) -> list[Rule]:
    targets = ["@public", "@internal", "@restricted", "component", "pipeline", "case"]
    cells = [(target, action) for target in targets for action in actions]
    chosen = draw(st.lists(st.sampled_from(cells), min_size=4, max_size=18, unique=True))
    return [Rule("planner", target, action, draw(reaches), draw(narrowings)) for target, action in chosen]


def enact(world: World, found: list[Rule], held: list[Grant]) -> View:
    """Publishes rules and gives the account its grants; the worker hears of it before it answers."""
    world.version += 1
    with world.engine.begin() as connection:
        store_rules(connection, world.version, found, "test", "random")
        account = connection.scalar(text("SELECT id FROM account.account WHERE name = 't-planner'"))
        organisation = connection.scalar(text("SELECT id FROM account.organisation WHERE key = 'works'"))
        connection.execute(text("DELETE FROM account.account_role WHERE account = :a"), {"a": account})
        for grant in held:
            connection.execute(
                text("INSERT INTO account.account_role (account, role, area, organisation) VALUES (:a, 'planner', :area, :o)"),
                {"a": account, "area": grant.area, "o": organisation if grant.organisation else None},
            )
        connection.execute(text("SELECT access.compile()"))
    world.client.app.state.rights.drop(None)  # type: ignore[attr-defined]
    return View(world, Judge(found, held, CITIES, {"works": [WORKS, "Works"]}))


def items_are_cut(view: View) -> None:
    for layer in view.world.layers():
        if not view.visible(layer):
            assert view.get(f"/ogc/collections/{layer.id}/items").status_code == 404
            continue
        assert collected(view.world.client, layer) == view.rows(layer)
        inside = {feature["id"] for feature in collected(view.world.client, layer, bbox=BOX)}
        assert inside <= {feature["id"] for feature in view.rows(layer)}


def single_items_are_cut(view: View) -> None:
    for layer in view.world.layers():
        seen = {feature["id"]: feature for feature in view.rows(layer)}
        for feature in view.world.full[layer.id][:: max(1, len(view.world.full[layer.id]) // 5)]:
            answer = view.get(f"/ogc/collections/{layer.id}/items/{feature['id']}")
            if feature["id"] in seen:
                assert answer.json()["properties"] == seen[feature["id"]]["properties"]
            else:
                unknown = view.get(f"/ogc/collections/{layer.id}/items/999999")
                assert (answer.status_code, answer.json()["type"]) == (404, unknown.json()["type"])


def tiles_are_cut(view: View) -> None:
    for layer in view.world.layers():
        expected = {feature["id"] for feature in view.rows(layer) if feature["geometry"] is not None}
        hidden = {key for key, field in layer.fields.items() if field.clearance and not view.judge.somewhere(layer, field.clearance)}
        for zoom in (layer.minzoom or 12, 16):
            counted, ids = 0, set()
            for x, y in covering(zoom):
                answer = view.get(f"/ogc/collections/{layer.id}/tiles/WebMercatorQuad/{zoom}/{y}/{x}")
                assert (answer.status_code == 404) == (not view.visible(layer))
                if answer.status_code == 200:
                    alias = view.get(f"/tiles/{layer.id}/{zoom}/{x}/{y}.pbf")
                    assert alias.content == answer.content
                    for feature in mapbox_vector_tile.decode(answer.content)[layer.id]["features"]:
                        counted += feature["properties"]["count"]
                        ids.add(feature["id"])
                        hidden = [
                            key
                            for key, field in layer.fields.items()
                            if field.clearance and not view.judge.somewhere(layer, field.clearance)
                        ]
                        assert not set(hidden) & set(feature["properties"])
            assert counted == len(expected)
            if zoom >= layer.detail_zoom:
                assert ids == expected


def collections_are_cut(view: View) -> None:
    found = {each["id"]: each for each in view.get("/ogc/collections").json()["collections"]}
    tree = {each["id"]: each for each in view.get("/api/layers").json()["layers"]}
    assert set(found) == set(tree) == {layer.id for layer in view.world.registry if view.visible(layer)}
    for layer in view.world.layers():
        one = view.get(f"/ogc/collections/{layer.id}")
        tilesets = view.get(f"/ogc/collections/{layer.id}/tiles")
        tilejson = view.get(f"/ogc/collections/{layer.id}/tiles/WebMercatorQuad", f="tilejson")
        style = view.get(f"/ogc/collections/{layer.id}/styles/light")
        assert {each.status_code == 200 for each in (one, tilesets, tilejson, style)} == {view.visible(layer)}
        if not view.visible(layer):
            continue
        rows = view.rows(layer)
        assert (tree[layer.id]["count"], tree[layer.id]["exact"]) == (len(rows), True)
        assert tree[layer.id]["unplaced"] == sum(row["geometry"] is None for row in rows)
        box = extent(rows)
        told = found[layer.id].get("extent", {}).get("spatial", {}).get("bbox", [None])[0]
        assert told == one.json().get("extent", {}).get("spatial", {}).get("bbox", [None])[0]
        assert (told is None) == (box is None)
        if box is not None:
            assert told == pytest.approx(box, abs=1e-7)
            assert tilejson.json()["bounds"] == pytest.approx(box, abs=1e-7)


def statistics_are_cut(view: View) -> None:
    for layer in view.world.layers():
        for key in [None, *(key for key, field in layer.fields.items() if field.clearance or field.party or field.domain)]:
            answer = view.get("/api/statistics", layer=layer.id, **({"by": key} if key else {}))
            if not view.visible(layer):
                assert answer.status_code == 404
                continue
            rows = view.rows(layer)
            assert answer.json()["total"] == len(rows)
            if key is not None:
                told = {item["key"]: item["count"] for item in answer.json()["items"]}
                expected: dict[str | None, int] = {}
                for row in rows:
                    value = row["properties"][key]
                    expected[None if value is None else str(value)] = expected.get(None if value is None else str(value), 0) + 1
                if layer.fields[key].type == "text":
                    assert told == expected
                assert sum(told.values()) == len(rows)


def searches_are_cut(view: View) -> None:
    for word in WORDS:
        for hit in view.get("/api/search", q=word, limit=100).json()["features"]:
            if hit["properties"]["kind"] != "feature" or hit["properties"]["layer"] not in view.world.full:
                continue
            layer = view.world.registry.layers[hit["properties"]["layer"]]
            seen = {row["id"]: row for row in view.rows(layer)}
            assert hit["properties"]["id"] in seen
            shown = seen[hit["properties"]["id"]]["properties"]
            assert hit["properties"]["title"] == shown[layer.name]
            searched = [shown[key] for key, field in layer.fields.items() if field.search]
            assert any(word.upper() in str(value).upper() for value in searched if value is not None)
    park = view.world.registry.by_role("park")
    told = {
        hit["properties"]["id"]
        for hit in view.get("/api/search", q="公园", limit=100).json()["features"]
        if hit["properties"]["layer"] == park.id
    }
    assert told == {row["id"] for row in view.rows(park)}


def clicks_are_cut(view: View) -> None:
    names = [layer.id for layer in view.world.layers() if view.visible(layer)]
    hidden = [layer.id for layer in view.world.layers() if not view.visible(layer)]
    for lon, lat in ((114.005, 34.806), (114.0154, 34.808)):
        for name in hidden:
            assert view.get("/api/identify", lon=lon, lat=lat, layers=name).status_code == 404
        if names:
            answer = view.get("/api/identify", lon=lon, lat=lat, radius_m=300, limit=50, layers=",".join(names)).json()
            for feature in answer["features"]:
                seen = {row["id"]: row for row in view.rows(view.world.registry.layers[feature["layer"]])}
                assert feature["properties"] == seen[feature["id"]]["properties"]


def cities_are_cut(view: View) -> None:
    told = {city["key"] for city in view.get("/api/cities").json()["cities"]}
    reached = {
        key
        for key, prefix in (("town", "990101"), ("other", "990201"))
        for layer in view.world.registry
        for grant in view.judge.grants
        if (rule := view.judge.rule(grant.role, layer, "read")) is not None
        and rule.reach != "none"
        and (rule.reach != "own" or grant.organisation is not None)
        and any(prefix.startswith(where) or where.startswith(prefix) for where in scopes(view.judge, grant, rule))
    }
    assert told == reached
    figures = view.get("/api/cities/figures").json()["cities"]
    assert {city["key"] for city in figures} == told
    for key in ("town", "other"):
        datasets = view.get(f"/api/cities/{key}/datasets")
        assert (datasets.status_code == 200) == (key in told)
        if datasets.status_code == 200:
            assert {layer["id"] for layer in datasets.json()["layers"]} == {
                layer.id for layer in view.world.registry if view.visible(layer)
            }
            for layer in view.world.layers():
                prefix = "990101" if key == "town" else "990201"
                rows = [row for row in view.rows(layer) if row["properties"]["area"].startswith(prefix)]
                told_rows = [each["rows"] for each in datasets.json()["layers"] if each["id"] == layer.id]
                assert told_rows in ([], [len(rows)])


def documents_are_cut(view: View) -> None:
    """Documents name layers that are seen and no others."""
    visible = {layer.id for layer in view.world.registry if view.visible(layer)}
    style = view.get("/ogc/styles/light").json()
    assert {layer["source-layer"] for layer in style["layers"] if "source-layer" in layer} <= visible
    assert view.get("/ogc/api").status_code == 200
    for layer in view.world.registry:
        assert (f"/collections/{layer.id}/" in view.get("/ogc/api").text) <= (layer.id in visible)


def nothing_of_a_city(view: View) -> None:
    """What says the same to everybody."""


Compare = Callable[[View], None]
LAYER = "/ogc/collections/{layer}"
ANSWERS: Mapping[str, Compare] = {
    "/": nothing_of_a_city,
    "/ogc/tileMatrixSets": nothing_of_a_city,
    "/ogc/tileMatrixSets/{name}": nothing_of_a_city,
    "/api/measure": nothing_of_a_city,
    "/ogc/styles": nothing_of_a_city,
    "/ogc/styles/{style}": documents_are_cut,
    "/ogc/api": documents_are_cut,
    "/ogc/collections": collections_are_cut,
    LAYER: collections_are_cut,
    f"{LAYER}/styles/{{style}}": collections_are_cut,
    f"{LAYER}/tiles": collections_are_cut,
    f"{LAYER}/tiles/{{grid_name}}": collections_are_cut,
    "/api/layers": collections_are_cut,
    f"{LAYER}/items": items_are_cut,
    f"{LAYER}/items/{{feature_id}}": single_items_are_cut,
    f"{LAYER}/tiles/{{grid_name}}/{{z}}/{{row}}/{{column}}": tiles_are_cut,
    "/tiles/{layer}/{z}/{x}/{y}": tiles_are_cut,
    "/api/statistics": statistics_are_cut,
    "/api/search": searches_are_cut,
    "/api/identify": clicks_are_cut,
    "/api/cities": cities_are_cut,
    "/api/cities/figures": cities_are_cut,
    "/api/cities/{key}/datasets": cities_are_cut,
}
# Of other actions: one's own account, administration, one's own jobs, writing; each has tests of its own.
ELSEWHERE = {Action.OPEN, Action.ME, Action.SELF, Action.USERS, Action.RIGHTS, Action.AUDIT, Action.JOBS, Action.IMPORT, Action.UNMASK}


def test_every_route_that_reads_joins_the_comparison(client: TestClient) -> None:
    reading = {
        route.path
        for route in walk(client.app.routes)  # type: ignore[attr-defined]
        if isinstance(route, APIRoute) and not {each.action for each in declared(route)} & ELSEWHERE
    }
    assert reading == set(ANSWERS)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(found=rule_sets(), held=grants)
def test_the_limited_answer_is_the_full_answer_cut_by_the_rule(world: World, found: list[Rule], held: list[Grant]) -> None:
    view = enact(world, found, held)
    sign_in(world.client, world.engine, "planner")
    for compare in dict.fromkeys(ANSWERS.values()):
        compare(view)


def test_an_account_without_any_right_finds_nothing(world: World) -> None:
    view = enact(world, [Rule("planner", "@public", "read", "none")], [Grant("planner")])
    sign_in(world.client, world.engine, "planner")
    assert view.get("/api/layers").json()["layers"] == []
    assert view.get("/api/cities").json()["cities"] == []
    assert view.get("/api/search", q="路").json()["features"] == []
