"""Log-in, log-out, lock-out, and what is written of them."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import Engine, text

from api.app import create_app
from api.auth.credentials import COOKIE
from api.errors import ApiError
from data.sample_city import SAMPLE_KEY
from spatial.accounts.accounts import disable
from spatial.accounts.first import DEMO_USERS
from spatial.accounts.sessions import find
from spatial.cities import City, add_city
from spatial.settings import load_settings
from tests.api.auth.conftest import Person, log_in
from tests.support.cluster import Server
from tests.support.people import MLPS2, PASSWORD, add_person

LOGIN = "/api/login"


def entries(engine: Engine, action: str) -> list[tuple[Any, ...]]:
    """Name, result and details of the log's rows of an action, the oldest first."""
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT actor_name, result, detail FROM audit.entry WHERE action = :a ORDER BY id"), {"a": action})
        return [tuple(row) for row in rows]


def test_the_right_password_opens_a_session(stranger: TestClient, engine: Engine, person: Person) -> None:
    account = person("planner")
    answer = stranger.post(LOGIN, json={"username": account.name.upper(), "password": PASSWORD})
    assert answer.status_code == 200
    assert (answer.json()["name"], answer.json()["roles"], answer.json()["grants"][0]["zh"]) == (account.name, ["planner"], "规划人员")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}=")
    assert {part.strip().lower() for part in cookie.split(";")[1:]} == {"httponly", "path=/", "samesite=lax"}
    assert stranger.get("/api/cities").status_code == 200
    assert entries(engine, "login")[-1] == (account.name, "ok", {"how": "password"})
    assert PASSWORD not in answer.text


def test_under_https_the_cookie_is_secure(server: Server, database: str, person: Person) -> None:
    app = create_app(load_settings({}), server.app(database), owner_dsn=server.owner(database))
    with TestClient(app, base_url="https://127.0.0.1") as client:
        answer = client.post(LOGIN, json={"username": person().name, "password": PASSWORD})
    assert "Secure" in answer.headers["set-cookie"]


def test_logout_ends_this_session_and_no_replay_opens_it(stranger: TestClient, engine: Engine, person: Person) -> None:
    account = person()
    log_in(stranger, account.name)
    token = stranger.cookies[COOKIE]
    assert stranger.post("/api/logout", headers={"X-CSRF-Token": "no"}).status_code == 403
    answer = stranger.post("/api/logout")
    assert answer.status_code == 204
    assert COOKIE not in stranger.cookies
    assert stranger.get("/api/cities", headers={"Cookie": f"{COOKIE}={token}"}).status_code == 401
    assert entries(engine, "logout")[-1][:2] == (account.name, "ok")
    assert stranger.post("/api/logout").status_code == 401


def test_a_new_login_ends_the_session_that_was_there(stranger: TestClient, engine: Engine, person: Person) -> None:
    log_in(stranger, person().name)
    former = stranger.cookies[COOKIE]
    log_in(stranger, person().name)
    assert stranger.cookies[COOKIE] != former
    with engine.begin() as connection:
        assert find(connection, former, MLPS2) is None


def test_whatever_is_wrong_the_answer_is_the_same(stranger: TestClient, engine: Engine, person: Person) -> None:

    there, gone = person(), person()
    with engine.begin() as connection:
        disable(connection, gone.name)
    answers = [
        stranger.post(LOGIN, json={"username": name, "password": password})
        for name, password in ((there.name, "wrong"), (gone.name, PASSWORD), ("nobody-here", PASSWORD), ("' OR 1=1", PASSWORD), ("", ""))
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.text for answer in answers}) == 1
    assert "set-cookie" not in answers[0].headers
    assert [row[:2] for row in entries(engine, "login")[-3:]] == [("nobody-here", "refused"), ("?", "refused"), ("?", "refused")]


def test_five_wrong_passwords_lock_over_http(stranger: TestClient, engine: Engine, person: Person) -> None:
    account = person()
    for _ in range(5):
        assert stranger.post(LOGIN, json={"username": account.name, "password": "wrong"}).status_code == 401
    right = stranger.post(LOGIN, json={"username": account.name, "password": PASSWORD})
    assert right.status_code == 401
    with engine.connect() as connection:
        outcomes = connection.scalars(
            text("SELECT outcome FROM account.login_attempt WHERE account = :id ORDER BY id"), {"id": account.id}
        ).all()
    assert outcomes == ["wrong"] * 5 + ["locked"]


@pytest.mark.parametrize(
    "body",
    [
        {}, {"username": "a"}, {"password": "Secret-Word#77"}, {"username": "a", "password": 7},
        {"username": ["a"], "password": "Secret-Word#77"},
        {"username": "a", "password": "Secret-Word#77", "role": "sysadmin"}, [], "Secret-Word#77", None,
    ],
)  # fmt: skip
def test_bodies_of_every_wrong_kind(stranger: TestClient, body: object) -> None:
    answer = stranger.post(LOGIN, json=body)
    assert answer.status_code == 400
    assert "Secret-Word" not in answer.text


@pytest.mark.parametrize(("name", "password"), [("a\x00b", "x"), ("a", "\x00"), ("a" * 100_000, "x"), ("路", "𠀀"), ("a", "x" * 900_000)])
def test_names_and_passwords_of_every_kind(stranger: TestClient, name: str, password: str) -> None:
    assert stranger.post(LOGIN, json={"username": name, "password": password}).status_code == 401
    # a lone surrogate, which JSON can say and UTF-8 cannot
    assert (
        stranger.post(
            LOGIN, content=b'{"username": "\\ud800", "password": "\\ud800"}', headers={"Content-Type": "application/json"}
        ).status_code
        == 401
    )


def test_a_login_by_a_form_or_from_elsewhere_is_refused(stranger: TestClient, person: Person) -> None:
    body = {"username": person().name, "password": PASSWORD}
    assert stranger.post(LOGIN, data=body).status_code == 400
    assert stranger.post(LOGIN, content=str(body), headers={"Content-Type": "text/plain"}).status_code == 400
    for headers in ({"Origin": "http://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
        assert stranger.post(LOGIN, json=body, headers=headers).status_code == 403, headers
    assert stranger.post(LOGIN, json=body, headers={"Origin": "http://127.0.0.1:8000", "Sec-Fetch-Site": "same-origin"}).status_code == 200


def test_the_page_learns_the_users_of_a_sample_city_only(stranger: TestClient, engine: Engine) -> None:
    nothing = {"title": {"zh": "万米", "en": "Wanmi"}, "demo": [], "oidc": None}
    for name in DEMO_USERS:
        add_person(engine, name, name, password=None)
    assert stranger.get(LOGIN).json() == nothing
    with engine.begin() as connection:
        add_city(connection, City(SAMPLE_KEY, "示范", "Sample", "990301", (113, 34, 114, 35)))
    assert stranger.get(LOGIN).json() == nothing | {"demo": ["dispatcher", "planner", "gis"]}


def test_a_second_factor_comes_between(stranger: TestClient, person: Person) -> None:
    """The seam: whoever registers is asked after a right password, and what it raises is the answer."""
    asked = []

    async def factor(_: object, account: Any) -> None:
        asked.append(account.name)
        error = ApiError(401, "second-factor-needed", "请输入动态口令", "a code is needed")
        error.members = {"ticket": "t"}
        raise error

    app, account = stranger.app, person()
    assert isinstance(app, FastAPI)
    app.state.second_factor = factor
    try:
        assert stranger.post(LOGIN, json={"username": account.name, "password": "wrong"}).json()["type"].endswith("login-refused")
        answer = stranger.post(LOGIN, json={"username": account.name, "password": PASSWORD})
    finally:
        app.state.second_factor = None
    assert (answer.status_code, answer.json()["ticket"], asked) == (401, "t", [account.name])
    assert "set-cookie" not in answer.headers


def test_strangers_act_as_the_public_where_it_is_let_in(server: Server, database: str, engine: Engine) -> None:
    app = create_app(load_settings({}, public=True), server.app(database), owner_dsn=server.owner(database))
    with TestClient(app, base_url="http://127.0.0.1:8000", follow_redirects=False) as client:
        assert client.get("/api/cities").status_code == client.get("/").status_code == 200
        me = client.get("/api/me").json()
        assert (me["name"], me["via"], me["roles"], me["counters"], me["csrf"]) == ("public", "public", ["public"], ["read"], None)
        assert client.get("/api/me/keys").status_code == 401
        assert client.post(LOGIN, json={"username": "public", "password": ""}).status_code == 401
        assert client.get("/api/cities", headers={"Authorization": "Bearer x"}).status_code == 401

        client.app.state.office.held.drop(None)  # type: ignore[attr-defined]
        with engine.begin() as connection:
            disable(connection, "public")
        client.app.state.office.held.drop(None)  # type: ignore[attr-defined]
        assert client.get("/api/cities").status_code == 401
