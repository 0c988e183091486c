"""The counter of the system administrator over HTTP: accounts are made, found, changed and ended, never given a right; all is audited."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, text

from api.access import Actor
from spatial.accounts.accounts import account_by_name
from spatial.accounts.grants import add_grant
from spatial.accounts.keys import add_key
from spatial.accounts.login import login
from spatial.accounts.model import Grant
from spatial.accounts.organisations import Organisation, add_organisation
from spatial.accounts.sessions import find, open_session
from tests.support.cluster import Server
from tests.support.office import counter, office
from tests.support.people import MLPS2, add_person
from tests.support.town import Town

SYSADMIN = Actor(41, "root", "系统管理员", ("sysadmin",), address="10.1.1.1")


@pytest.fixture(scope="module")
def desk(server: Server, database: str, engine: Engine, town: Town) -> Iterator[TestClient]:
    with engine.begin() as connection:
        add_organisation(connection, Organisation("water", "水务局", "Water bureau"))
        add_organisation(connection, Organisation("gas", "燃气公司", "Gas", "company"))
    for name, role in (("root", "sysadmin"), ("sec", "secadmin"), ("aud", "auditor")):
        add_person(engine, name, role)
    with counter(office(server, database), SYSADMIN) as found:
        yield found


def audited(engine: Engine, action: str) -> dict[str, Any]:
    with engine.connect() as connection:
        row = (
            connection.execute(text("SELECT * FROM audit.entry WHERE action = :a ORDER BY id DESC LIMIT 1"), {"a": action}).mappings().one()
        )
    return {**row, "address": str(row["address"])}


def made(desk: TestClient, name: str, **more: object) -> dict[str, Any]:
    answer = desk.post("/api/users", json={"name": name, "title": name.title(), **more})
    assert answer.status_code == 201, answer.text
    assert answer.headers["cache-control"] == "no-store", "it holds a password"
    return dict(answer.json())


def test_a_new_account_logs_in_with_its_one_time_password_and_may_nothing(desk: TestClient, engine: Engine) -> None:
    answer = made(desk, "li.wei", title="李伟", organisation="water", department="管网科", post="科员")
    assert answer["account"]["roles"] == [] and answer["account"]["must_change"] and answer["account"]["organisation"] == "water"
    granted = login(engine, "li.wei", answer["password"], None, MLPS2)
    assert granted.must_change
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM access.effective WHERE account = :id"), {"id": granted.account.id}) == 0
        assert answer["password"] not in str(connection.execute(text("SELECT * FROM audit.entry")).all())
    entry = audited(engine, "account.add")
    assert (entry["actor"], entry["actor_name"], entry["address"], entry["object"], entry["result"]) == (
        41, "root", "10.1.1.1", "account/li.wei", "ok",
    )  # fmt: skip


def test_accounts_are_found_by_words_state_and_role(desk: TestClient, engine: Engine) -> None:
    for name in ("zhou", "wu%", "wang"):
        if "%" not in name:
            made(desk, name, department="燃气科" if name == "zhou" else None)
    with engine.begin() as connection:
        add_grant(connection, "wang", Grant("planner"))
    desk.post("/api/users/zhou/disable")

    def names(**query: object) -> list[str]:
        return [one["name"] for one in desk.get("/api/users", params=query).json()["accounts"]]

    assert names(q="燃气科") == ["zhou"] == names(q="ZHO") and "zhou" in names(state="disabled") and "wang" not in names(state="disabled")
    assert names(q="%") == [] and names(role="planner") == ["wang"] and "wang" not in names(role="")
    page = desk.get("/api/users", params={"limit": 2, "offset": 1}).json()
    everybody = desk.get("/api/users").json()
    assert page["total"] == everybody["total"] == len(everybody["accounts"])
    assert [one["name"] for one in page["accounts"]] == [one["name"] for one in everybody["accounts"]][1:3]
    assert {one["key"] for one in everybody["organisations"]} == {"water", "gas"}
    for wrong in ({"state": "gone"}, {"limit": 0}, {"limit": 501}, {"x": 1}, {"q": "\x00"}):
        assert desk.get("/api/users", params=wrong).status_code == 400, wrong


def test_disabling_ends_sessions_and_enabling_brings_none_back(desk: TestClient, engine: Engine) -> None:
    person = add_person(engine, "chen")
    with engine.begin() as connection:
        opened = open_session(connection, person, MLPS2, "10.0.0.7", "Firefox")
        key = add_key(connection, "chen", "QGIS", ["read"], 30, MLPS2)
    seen = desk.get("/api/users/chen").json()
    assert [one["network_address"] for one in seen["sessions"]] == ["10.0.0.7"] and [one["prefix"] for one in seen["keys"]] == [
        key.row.prefix
    ]
    assert key.key not in str(seen) and opened.token not in str(seen) and "argon2" not in str(seen)
    assert desk.post("/api/users/chen/disable").json()["account"]["state"] == "disabled"
    assert desk.post("/api/users/chen/enable").json()["account"]["state"] == "active"
    assert audited(engine, "account.disable")["object"] == audited(engine, "account.enable")["object"] == "account/chen"
    with engine.begin() as connection:
        assert account_by_name(connection, "chen").state == "active" and find(connection, opened.token, MLPS2) is None
    assert desk.post(f"/api/users/chen/keys/{key.row.prefix}/revoke").json()["key"]["revoked_at"]
    assert desk.post(f"/api/users/chen/keys/{key.row.prefix}/revoke").status_code == 404
    assert desk.post(f"/api/users/li.wei/keys/{key.row.prefix}/revoke").status_code == 404, "another's key"


def test_sessions_end_and_passwords_are_reset_once_shown(desk: TestClient, engine: Engine) -> None:
    person = add_person(engine, "feng")
    with engine.begin() as connection:
        opened = open_session(connection, person, MLPS2)
    assert desk.post("/api/users/feng/sessions/end").json() == {"ended": 1}
    with engine.begin() as connection:
        assert find(connection, opened.token, MLPS2) is None
    answer = desk.post("/api/users/feng/password")
    password = answer.json()["password"]
    assert answer.headers["cache-control"] == "no-store"
    desk.post("/api/users/feng/enable")  # made long ago and never used, so it counts from now on
    assert login(engine, "feng", password, None, MLPS2).must_change
    assert password not in str(audited(engine, "account.password"))


def test_changes_are_kept_and_told(desk: TestClient, engine: Engine) -> None:
    made(desk, "chu")
    answer = desk.post("/api/users/chu", json={"title": "褚", "organisation": "gas", "department": "", "post": "队长"})
    assert answer.status_code == 200
    account = answer.json()["account"]
    assert (account["title"], account["organisation"], account["department"], account["post"]) == ("褚", "gas", None, "队长")
    assert audited(engine, "account.change")["detail"] == {"title": ["Chu", "褚"], "organisation": [None, "gas"], "post": [None, "队长"]}


def test_an_organisation_that_rights_depend_on_is_not_the_system_administrators_to_change(desk: TestClient, engine: Engine) -> None:
    made(desk, "wei", organisation="water")
    with engine.begin() as connection:
        add_grant(connection, "wei", Grant("handler"))
    body = {"title": "卫", "organisation": "gas"}
    refused = desk.post("/api/users/wei", json=body)
    assert refused.status_code == 409 and refused.json()["rule"] == "organisation_rights"
    desk.post("/api/users/wei/disable")
    assert desk.post("/api/users/wei", json=body).status_code == 409, "by way of disabling"
    assert desk.post("/api/users/wei", json={"title": "卫", "organisation": "water"}).status_code == 200


@pytest.mark.parametrize(
    ("path", "body", "status", "rule"),
    [
        ("/api/users", {"name": "x", "title": "甲"}, 422, "name"),
        ("/api/users", {"name": "ROOT", "title": "甲"}, 409, "name_taken"),
        ("/api/users", {"name": "jia", "title": " "}, 422, "title"),
        ("/api/users", {"name": "jia", "title": "甲", "organisation": "nowhere"}, 422, "organisation"),
        ("/api/users/nobody", {"title": "甲"}, 404, "account"),
        ("/api/users/nobody/disable", None, 404, "account"),
        ("/api/users/ROOT/disable", None, 409, "own_account"),
        ("/api/users/sec/disable", None, 409, "last_security_administrator"),
        ("/api/users/sec/password", None, 409, "separated_password"),
        ("/api/users/aud/password", None, 409, "separated_password"),
        ("/api/organisations", {"key": "water", "title_zh": "又"}, 409, "organisation_taken"),
        ("/api/organisations", {"key": "Water", "title_zh": "又"}, 422, "organisation_key"),
        ("/api/organisations", {"key": "new", "title_zh": " "}, 422, "organisation_title"),
        ("/api/organisations", {"key": "new", "title_zh": "新", "kind": "club"}, 422, "organisation_kind"),
    ],
)
def test_what_is_refused_says_why_and_is_audited(
    desk: TestClient, engine: Engine, path: str, body: dict[str, str] | None, status: int, rule: str
) -> None:
    answer = desk.post(path, json=body) if body is not None else desk.post(path)
    problem = answer.json()
    assert (answer.status_code, problem["rule"]) == (status, rule), answer.text
    assert problem["detail"] and problem["detail_en"] and answer.headers["content-type"] == "application/problem+json"
    with engine.connect() as connection:
        entry = connection.execute(text("SELECT result, detail FROM audit.entry ORDER BY id DESC LIMIT 1")).one()
    assert entry.result == "refused" and entry.detail["rule"] == rule


@pytest.mark.parametrize(
    "body",
    [
        {"name": "yi", "title": "乙", "roles": ["gis"]}, {"name": "yi", "title": "乙", "grants": []},
        {"name": "yi", "title": "乙", "password": "x"}, {"name": "yi"}, {"name": 5, "title": "乙"},
        {"name": "yi", "title": "乙", "post": "长" * 101}, [], None,
    ],
)  # fmt: skip
def test_a_role_or_password_of_ones_own_choice_is_no_member(desk: TestClient, body: object) -> None:
    assert desk.post("/api/users", json=body).status_code == 400
    assert desk.get("/api/users", params={"q": "yi"}).json()["total"] == 0


def test_an_organisation_is_added(desk: TestClient, engine: Engine) -> None:
    answer = desk.post("/api/organisations", json={"key": "lamps", "title_zh": "路灯所"})
    assert answer.status_code == 201 and answer.json()["organisation"]["title"] == {"zh": "路灯所", "en": "lamps"}
    assert audited(engine, "organisation.add")["object"] == "organisation/lamps"
