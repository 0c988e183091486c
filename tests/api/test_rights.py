"""The counter of the security administrator over HTTP: the matrix, preview, publishing, versions, grants, areas, organisations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, text

from api.access import Actor
from layers.catalogue import Registry
from spatial.accounts.accounts import NewAccount, create
from spatial.accounts.model import Grant
from spatial.accounts.organisations import Organisation, add_organisation
from tests.support.cluster import Server
from tests.support.office import counter, office
from tests.support.people import add_person
from tests.support.town import COMPONENTS, Town

SECADMIN = Actor(42, "sec", "安全管理员", ("secadmin",), address="10.1.1.2")


@pytest.fixture(scope="module")
def desk(server: Server, database: str, engine: Engine, town: Town) -> Iterator[TestClient]:
    for name, role in (("root", "sysadmin"), ("sec", "secadmin")):
        add_person(engine, name, role)
    with engine.begin() as connection:
        add_organisation(connection, Organisation("water", "水务局", "Water bureau"))
        create(connection, NewAccount("zhao", "赵", (Grant("planner", "990101"),)))
        create(connection, NewAccount("qian", "钱", (), "water"))
        create(connection, NewAccount("sun", "孙"))
    with counter(office(server, database), SECADMIN) as found:
        yield found


def matrix(desk: TestClient) -> dict[str, Any]:
    return dict(desk.get("/api/rights").json())


def with_cell(rules: list[dict[str, Any]], role: str, action: str, target: str, reach: str, *areas: str) -> list[dict[str, Any]]:
    kept = [one for one in rules if (one["role"], one["action"], one["target"]) != (role, action, target)]
    return [*kept, {"role": role, "action": action, "target": target, "reach": reach, "areas": list(areas)}]


def test_the_matrix_names_everything_a_screen_needs(desk: TestClient, registry: Registry) -> None:
    found = matrix(desk)
    assert {one["id"] for one in found["layers"]} == {*registry.layers, *registry.streams}
    assert [one["key"] for one in found["roles"]] == ["dispatcher", "planner", "gis", "handler", "collector", "peer", "public"]
    case = next(one for one in found["layers"] if one["id"] == registry.by_role("case").id)
    assert [one["zh"] for one in case["cleared"]["clear_personal"]] == ["反映人", "反映人电话"]
    assert found["current"]["version"] == 1 and len(found["actions"]) == 8 and len(found["reaches"]) == 4


def test_rules_are_previewed_published_compared_and_brought_back(desk: TestClient, engine: Engine, registry: Registry) -> None:
    before, target = matrix(desk), registry.by_role("key_site").id
    wanted = with_cell(before["rules"], "planner", "read", target, "area", "990101")
    tried = desk.post("/api/rights/preview", json={"rules": wanted}).json()
    assert tried["changes"] == [
        {
            "role": "planner",
            "target": target,
            "action": "read",
            "old": {"reach": "none", "areas": []},
            "new": {"reach": "area", "areas": ["990101"]},
        }
    ]
    assert tried["accounts"] == [{"name": "zhao", "title": "赵", "gains": [[target, "read"]], "loses": [], "shifts": []}]
    assert matrix(desk)["rules"] == before["rules"]
    number = before["current"]["version"]
    made = desk.post("/api/rights", json={"base": number, "reason": "规划", "rules": wanted})
    assert made.status_code == 201 and made.json()["version"]["made_by"] == "sec"
    after = matrix(desk)
    assert after["current"]["version"] == number + 1 and after["areas"]["990101"]["title"]["zh"] == "小城"
    late = desk.post("/api/rights", json={"base": number, "reason": "晚了", "rules": wanted})
    assert (late.status_code, late.json()["rule"]) == (409, "rule_base") and "sec" in late.json()["detail"]
    assert [one["reason"] for one in desk.get("/api/rights/versions").json()["versions"]][:2] == ["规划", "初始规则 initial rules"]
    old = desk.get(f"/api/rights/versions/{number}").json()
    assert old["changes"][0]["new"] == {"reach": "none", "areas": []} and len(old["rules"]) == len(before["rules"])
    restored = desk.post(f"/api/rights/versions/{number}/back", json={"base": number + 1, "reason": "收回"})
    assert restored.status_code == 201 and matrix(desk)["rules"] == before["rules"]
    with engine.connect() as connection:
        found = connection.execute(text("SELECT actor, result, object FROM audit.entry WHERE action = 'right.publish' ORDER BY id")).all()
    assert [tuple(row) for row in found] == [(42, "ok", "rights/2"), (42, "refused", "rights"), (42, "ok", "rights/3")]
    assert desk.get("/api/rights/versions/99").status_code == 404


@pytest.mark.parametrize(
    ("change", "status", "rule"),
    [
        (("gis", "read", "nowhere", "city"), 422, "rule_target"),
        (("secadmin", "read", "@public", "city"), 422, "rule_administrator"),
        (("boss", "read", "@public", "city"), 422, "rule_role"),
        (("gis", "drop", "@public", "city"), 422, "rule_action"),
        (("gis", "read", "@public", "world"), 422, "rule_reach"),
        (("gis", "read", "@public", "area", "4101"), 422, "rule_area"),
    ],
)
def test_a_wrong_rule_is_a_sentence(desk: TestClient, change: tuple[str, ...], status: int, rule: str) -> None:
    found = matrix(desk)
    wanted = with_cell(found["rules"], *change)
    for path, body in (("/preview", {}), ("", {"base": found["current"]["version"], "reason": "x"})):
        answer = desk.post(f"/api/rights{path}", json={"rules": wanted, **body})
        assert (answer.status_code, answer.json()["rule"]) == (status, rule), answer.text
        assert answer.json()["field"].startswith(change[0])


def test_what_is_no_body_is_a_400(desk: TestClient) -> None:
    for body in (None, [], {}, {"rules": 5}, {"rules": [{}]}, {"rules": [], "more": 1}, {"rules": [{"role": "gis", "target": "\x00"}]}):
        assert desk.post("/api/rights/preview", json=body).status_code == 400, body
    assert desk.post("/api/rights", json={"base": -1, "reason": "x", "rules": []}).status_code == 400
    answer = desk.post("/api/rights", json={"base": 1, "reason": " ", "rules": []})
    assert answer.status_code in (409, 422)


def test_roles_are_given_and_taken_with_areas_and_organisations(desk: TestClient, engine: Engine) -> None:
    answer = desk.post("/api/rights/accounts/qian/grants", json={"role": "handler", "area": "990101"})
    assert answer.status_code == 201 and answer.json()["areas"]["990101"]["level"] == "city"
    assert answer.json()["account"]["grants"] == [{"role": "handler", "area": "990101", "organisation": None}]
    holders = desk.get("/api/rights/accounts", params={"role": "handler"}).json()
    assert [one["name"] for one in holders["accounts"]] == ["qian"] and holders["areas"]["990101"]["title"]["zh"] == "小城"
    assert "sun" in [one["name"] for one in desk.get("/api/rights/accounts", params={"role": "none"}).json()["accounts"]]
    taken = desk.post("/api/rights/accounts/qian/grants/remove", json={"role": "handler", "area": "990101"})
    assert taken.status_code == 200 and taken.json()["account"]["grants"] == []
    with engine.connect() as connection:
        found = connection.execute(
            text("SELECT action, object, detail FROM audit.entry WHERE action LIKE 'right.%' ORDER BY id DESC LIMIT 2")
        ).all()
    assert [(row.action, row.object, row.detail["area"]) for row in found] == [
        ("right.revoke", "account/qian", "990101"), ("right.grant", "account/qian", "990101"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "body", "status", "rule"),
    [
        ("sun", {"role": "boss"}, 422, "role"),
        ("sun", {"role": "gis", "area": "4101"}, 422, "area"),
        ("sun", {"role": "gis", "organisation": "nowhere"}, 422, "organisation"),
        ("sun", {"role": "handler"}, 422, "role_organisation"),
        ("sun", {"role": "auditor", "area": "9901"}, 422, "administrator_everywhere"),
        ("zhao", {"role": "planner", "area": "990101"}, 409, "role_once"),
        ("zhao", {"role": "auditor"}, 409, "separated_duties"),
        ("root", {"role": "gis"}, 409, "separated_duties"),
        ("root", {"role": "secadmin"}, 409, "separated_duties"),
        ("sec", {"role": "gis"}, 409, "own_grants"),
        ("SEC", {"role": "sysadmin"}, 409, "own_grants"),
        ("nobody", {"role": "gis"}, 404, "account"),
    ],
)
def test_a_wrong_grant_is_a_sentence_and_audited(
    desk: TestClient, engine: Engine, name: str, body: dict[str, str], status: int, rule: str
) -> None:
    answer = desk.post(f"/api/rights/accounts/{name}/grants", json=body)
    assert (answer.status_code, answer.json()["rule"]) == (status, rule), answer.text
    with engine.connect() as connection:
        entry = connection.execute(text("SELECT result, detail, object FROM audit.entry ORDER BY id DESC LIMIT 1")).one()
    assert (entry.result, entry.detail["rule"], entry.object) == ("refused", rule, f"account/{name}")


def test_the_last_security_administrator_keeps_the_role(server: Server, database: str, engine: Engine, desk: TestClient) -> None:
    add_person(engine, "other", "secadmin")
    assert desk.post("/api/rights/accounts/sec/grants/remove", json={"role": "secadmin"}).json()["rule"] == "own_grants"
    assert desk.post("/api/rights/accounts/other/grants/remove", json={"role": "secadmin"}).status_code == 200
    with counter(office(server, database), Actor(43, "third", "", ("secadmin",))) as third:
        assert (
            third.post("/api/rights/accounts/sec/grants/remove", json={"role": "secadmin"}).json()["rule"] == "last_security_administrator"
        )


def test_areas_are_codes_and_names_and_nothing_else(desk: TestClient) -> None:
    def areas(**query: str) -> list[dict[str, Any]]:
        return list(desk.get("/api/rights/areas", params=query).json()["areas"])

    assert [(one["code"], one["level"], one["parts"]) for one in areas()] == [("990101", "city", True), ("990201", "city", False)]
    assert {key for one in areas() for key in one} == {"code", "title", "level", "within", "parts"}
    below = areas(under="990101")
    assert [one["title"]["zh"] for one in below] == ["西社区", "东社区"], "the district's code is the city's own here"
    assert below[0]["within"][0] == "小城"
    assert [one["code"] for one in areas(q="东社")] == ["9901010102"] == [one["code"] for one in areas(q="9901010102")]
    assert areas(q="%") == [] == areas(under="4101")


def test_names_of_organisations_are_added_and_taken(desk: TestClient) -> None:
    answer = desk.post("/api/rights/organisations/water/names", json={"name": " 市水务局 "})
    assert answer.status_code == 201 and answer.json()["organisation"]["names"] == ["市水务局"]
    assert desk.post("/api/rights/organisations/water/names", json={"name": "水务局"}).json()["rule"] == "organisation_name_taken"
    assert desk.post("/api/rights/organisations/water/names", json={"name": " "}).json()["rule"] == "organisation_name"
    changed = desk.post("/api/rights/organisations/water", json={"title_zh": "城市水务局", "title_en": "Water"}).json()["organisation"]
    assert changed["title"] == {"zh": "城市水务局", "en": "Water"}
    assert desk.post("/api/rights/organisations/water/names/remove", json={"name": "市水务局"}).json()["organisation"]["names"] == []
    assert desk.post("/api/rights/organisations/water/names/remove", json={"name": "市水务局"}).status_code == 422
    assert desk.post("/api/rights/organisations/nowhere/names", json={"name": "甲"}).json()["rule"] == "organisation"


def test_nothing_of_the_citys_data_comes_over_these_counters(desk: TestClient, town: Town) -> None:
    for path in ("/api/rights", "/api/rights/accounts", "/api/rights/areas", "/api/rights/versions", "/api/rights/organisations"):
        body = desk.get(path).text
        assert str(COMPONENTS) not in body and "9901010118" not in body and "人民路" not in body
