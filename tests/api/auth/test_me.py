"""One's own account over HTTP: a new password, sessions, keys; never somebody else's."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, text

from api.auth.credentials import COOKIE
from spatial.accounts.keys import add_key
from spatial.accounts.sessions import open_session
from tests.api.auth.conftest import Person, log_in
from tests.api.test_hostile import VALUES
from tests.support.people import MLPS2, PASSWORD
from tests.support.signed import sign_in

NEW = "Jin-shui+5823 qu"


def test_a_password_that_must_be_changed_lets_nothing_else_through(stranger: TestClient, person: Person) -> None:
    account = person("dispatcher", must_change=True)
    me = log_in(stranger, account.name)
    assert (me["must_change"], me["counters"]) == (True, [])
    for path in ("/api/cities", "/ogc/collections", "/api/me/keys", "/api/me/sessions"):
        answer = stranger.get(path)
        assert (answer.status_code, answer.json()["type"]) == (403, "urn:wanmi:problem:password-must-change"), path
    page = stranger.get("/", headers={"Accept": "text/html"})
    assert (page.status_code, page.headers["location"]) == (303, "/login?change=1&next=/")
    assert stranger.get("/api/me").status_code == 200
    former = stranger.cookies[COOKIE]
    changed = stranger.post("/api/me/password", json={"old": PASSWORD, "new": NEW})
    assert (changed.status_code, changed.json()["must_change"]) == (200, False)
    assert stranger.get("/api/cities").status_code == 200
    assert stranger.get("/api/cities", headers={"Cookie": f"{COOKIE}={former}"}).status_code in (400, 401)
    stranger.cookies.clear()
    assert stranger.get("/api/cities", headers={"Cookie": f"{COOKIE}={former}"}).status_code == 401


def test_a_change_ends_every_other_session(stranger: TestClient, engine: Engine, person: Person) -> None:
    account = person()
    with engine.begin() as connection:
        other = open_session(connection, account, MLPS2).token
    log_in(stranger, account.name)
    assert stranger.post("/api/me/password", json={"old": PASSWORD, "new": NEW}).status_code == 200
    assert [one["current"] for one in stranger.get("/api/me/sessions").json()["sessions"]] == [True]
    stranger.cookies.clear()
    assert stranger.get("/api/cities", headers={"Cookie": f"{COOKIE}={other}"}).status_code == 401
    assert stranger.post("/api/login", json={"username": account.name, "password": PASSWORD}).status_code == 401


@pytest.mark.parametrize(
    ("new", "rule"),
    [
        ("Sh0rt", "password_short"), ("alllowercase", "password_classes"), (PASSWORD, "password_same"), ("Password123", "password_guessed"),
        ("x" * 200 + "A1", "password_long"), ("Aa1\x07bcdefghij", "password_character"),
    ],
)  # fmt: skip
def test_a_refused_password_names_field_and_rule(stranger: TestClient, engine: Engine, person: Person, new: str, rule: str) -> None:
    log_in(stranger, person().name)
    answer = stranger.post("/api/me/password", json={"old": PASSWORD, "new": new})
    assert (answer.status_code, answer.json()["field"], answer.json()["rule"]) == (400, "new", rule)
    assert answer.json()["detail"] and answer.json()["detail_en"]
    assert new not in answer.text
    with engine.connect() as connection:
        last = connection.scalar(text("SELECT detail->>'why' FROM audit.entry WHERE result = 'refused' ORDER BY id DESC LIMIT 1"))
    assert last == rule
    assert stranger.get("/api/cities").status_code == 200


def test_guessing_the_old_password_locks(stranger: TestClient, engine: Engine, person: Person) -> None:
    account = person()
    log_in(stranger, account.name)
    for _ in range(5):
        answer = stranger.post("/api/me/password", json={"old": "wrong", "new": NEW})
        assert (answer.status_code, answer.json()["field"]) == (403, "old")
    assert stranger.post("/api/me/password", json={"old": PASSWORD, "new": NEW}).status_code == 403
    with engine.connect() as connection:
        query = text("SELECT count(*) FROM audit.entry WHERE action = 'account.password' AND result = 'refused' AND actor = :id")
        assert connection.scalar(query, {"id": account.id}) == 6


def test_sessions_are_listed_and_ended(stranger: TestClient, engine: Engine, person: Person) -> None:
    account, somebody = person(), person()
    with engine.begin() as connection:
        others = [open_session(connection, account, MLPS2, "10.0.0.9", "Firefox").session.id for _ in range(3)]
        foreign = open_session(connection, somebody, MLPS2).session.id
    log_in(stranger, account.name)
    listed = stranger.get("/api/me/sessions").json()["sessions"]
    assert [one["current"] for one in listed] == [True, False, False, False]
    assert {one["ip"] for one in listed[1:]} == {"10.0.0.9"}
    for number in (foreign, 10**12, 0, -1):
        assert stranger.delete(f"/api/me/sessions/{number}").status_code in (400, 404)
    assert stranger.delete(f"/api/me/sessions/{others[0]}").status_code == 204
    assert stranger.delete(f"/api/me/sessions/{others[0]}").status_code == 404
    assert stranger.delete("/api/me/sessions").status_code == 204
    assert [one["current"] for one in stranger.get("/api/me/sessions").json()["sessions"]] == [True]
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT revoked_at FROM account.session WHERE id = :id"), {"id": foreign}) is None


def test_keys_are_made_shown_once_and_revoked(stranger: TestClient, engine: Engine, person: Person) -> None:
    account, somebody = person(), person()
    with engine.begin() as connection:
        foreign = add_key(connection, somebody.name, "theirs", ["read"], 5, MLPS2).row.prefix
    log_in(stranger, account.name)
    made = stranger.post("/api/me/keys", json={"title": "QGIS 桌面", "scopes": ["read"], "days": 90})
    assert made.status_code == 201
    secret, prefix = made.json()["secret"], made.json()["prefix"]
    listed = stranger.get("/api/me/keys")
    assert secret not in listed.text and [key["prefix"] for key in listed.json()["keys"]] == [prefix]
    assert stranger.delete(f"/api/me/keys/{foreign}").status_code == 404
    cookie = stranger.cookies[COOKIE]
    stranger.cookies.clear()
    assert stranger.get("/api/cities", headers={"Authorization": f"Bearer {secret}"}).status_code == 200
    stranger.cookies.set(COOKIE, cookie)
    assert stranger.delete(f"/api/me/keys/{prefix}").status_code == 204
    assert stranger.delete(f"/api/me/keys/{prefix}").status_code == 404
    stranger.cookies.clear()
    assert stranger.get("/api/cities", headers={"Authorization": f"Bearer {secret}"}).status_code == 401
    with engine.connect() as connection:
        told = connection.execute(text("SELECT action, object FROM audit.entry WHERE actor = :id ORDER BY id"), {"id": account.id}).all()
    assert [tuple(row) for row in told if row[0].startswith("key")] == [("key.add", f"key/{prefix}"), ("key.revoke", f"key/{prefix}")]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"title": "x", "scopes": ["admin"], "days": 1}, "scopes"), ({"title": "x", "scopes": [], "days": 1}, "scopes"),
        ({"title": " ", "scopes": ["read"], "days": 1}, "title"), ({"title": "x", "scopes": ["read"], "days": 0}, "days"),
        ({"title": "x", "scopes": ["read"], "days": 9999}, "days"), ({"title": "x\x00", "scopes": ["read"], "days": 1}, "title"),
        ({"title": "x", "scopes": ["read"] * 9, "days": 1}, "scopes"),
        ({"title": "x", "scopes": ["read"], "days": 1, "account": 1}, "account"),
    ],
)  # fmt: skip
def test_wrong_keys_are_refused_by_field(stranger: TestClient, person: Person, body: dict[str, object], field: str) -> None:
    log_in(stranger, person().name)
    answer = stranger.post("/api/me/keys", json=body)
    assert (answer.status_code, answer.json()["field"]) == (400, field)


def test_hostile_values_in_addresses_break_nothing(stranger: TestClient, person: Person) -> None:
    log_in(stranger, person().name)
    for value in VALUES:
        for path in ("/api/me/sessions/", "/api/me/keys/"):
            answer = stranger.delete(path + quote(value, safe="%"))
            # without a value it is the address of all the others
            assert answer.status_code in ((400, 404, 405) if value and value != "../.." else (204, 307, 400, 404, 405)), (path, value)


def test_an_administrator_has_no_keys(stranger: TestClient, engine: Engine) -> None:
    sign_in(stranger, engine, "auditor")
    assert stranger.get("/api/me/keys").json()["allowed"] is False
    assert stranger.post("/api/me/keys", json={"title": "x", "scopes": ["read"], "days": 1}).status_code == 403
