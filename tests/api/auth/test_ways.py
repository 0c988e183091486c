"""The other ways in, through the whole application: the code after the password, the provider's way back, enrolment that is required."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr
from sqlalchemy import Engine

from api.app import create_app
from spatial.accounts.factors import code_at, step_at
from spatial.accounts.identities import link
from spatial.settings import load_settings
from tests.support.cluster import Server
from tests.support.people import PASSWORD
from tests.support.provider import CLIENT, SECRET, IdentityProvider
from tests.support.serving import serving
from tests.support.signin import add_present


@pytest.fixture(scope="module")
def idp() -> Iterator[IdentityProvider]:
    found = IdentityProvider()
    with serving(found.app()) as address:
        found.issuer = f"{address}/realm"
        yield found


@pytest.fixture
def house(server: Server, database: str, idp: IdentityProvider, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[TestClient]:
    settings = load_settings(
        {}, state_dir=tmp_path, totp=request.param, oidc_issuer=idp.issuer, oidc_client_id=CLIENT, oidc_client_secret=SecretStr(SECRET)
    )
    app = create_app(settings, server.app(database), owner_dsn=server.owner(database))
    with TestClient(app, base_url="http://127.0.0.1:8000", follow_redirects=False) as found:
        yield found


def enrol(house: TestClient, csrf: dict[str, str]) -> tuple[str, list[str]]:
    """Sets a factor up with the code of half a minute ago, so that the one of now is new."""
    secret = house.post("/api/me/factor", json={}, headers=csrf).json()["secret"]
    done = house.post("/api/me/factor/confirm", json={"code": code_at(secret, step_at(datetime.now(UTC)) - 1)}, headers=csrf)
    assert done.status_code == 200, done.text
    return secret, done.json()["recovery_codes"]


def by_password(house: TestClient, name: str) -> Any:
    return house.post("/api/login", json={"username": name, "password": PASSWORD})


def by_provider(house: TestClient) -> Any:
    there = house.get("/api/login/oidc", params={"next": "/x"})
    return house.get(httpx2.get(there.headers["location"]).headers["location"])


@pytest.mark.parametrize("house", ["optional"], indirect=True)
def test_both_ways_ask_for_the_code(house: TestClient, engine: Engine, idp: IdentityProvider) -> None:
    add_present(engine, "joined")
    with engine.begin() as connection:
        link(connection, "joined", idp.issuer, "u-1")
    assert house.get("/api/login").json()["oidc"] == "统一身份认证"
    csrf = {"X-CSRF-Token": by_password(house, "joined").json()["csrf"]}
    assert house.post("/api/me/factor", json={}).status_code == 403, "without the token of the session"
    secret, codes = enrol(house, csrf)
    assert house.post("/api/logout", headers=csrf).status_code == 204
    due = by_password(house, "joined")
    assert due.status_code == 401 and due.json()["type"] == "urn:wanmi:problem:second-factor-needed" and not house.cookies
    code = code_at(secret, step_at(datetime.now(UTC)))
    done = house.post("/api/login/code", json={"ticket": due.json()["ticket"], "code": code})
    assert done.status_code == 200 and done.json()["name"] == "joined"
    assert house.get("/api/me").json()["name"] == "joined"
    house.cookies.clear()
    assert by_provider(house).headers["location"] == "/login?step=code&next=%2Fx"
    assert house.get("/api/me").status_code == 401
    done = house.post("/api/login/code", json={"code": codes[0]})
    csrf = {"X-CSRF-Token": done.json()["csrf"]}
    taken = house.request("DELETE", "/api/me/factor", json={"password": PASSWORD, "code": codes[1]}, headers=csrf)
    assert taken.status_code == 204
    house.cookies.clear()
    assert by_provider(house).headers["location"] == "/x"
    assert house.get("/api/me").json()["name"] == "joined"


@pytest.mark.parametrize("house", ["required"], indirect=True)
def test_where_it_is_required_nothing_else_is_open(house: TestClient, engine: Engine) -> None:
    add_present(engine, "strict")
    me = by_password(house, "strict").json()
    assert me["must_enrol"] and me["counters"] == []
    csrf = {"X-CSRF-Token": me["csrf"]}
    refused = house.get("/api/cities")
    assert refused.status_code == 403 and refused.json()["type"] == "urn:wanmi:problem:factor-must-enrol"
    assert house.get("/", headers={"Accept": "text/html"}).headers["location"].startswith("/login?enrol=1&")
    assert house.get("/api/me").status_code == 200
    enrol(house, csrf)
    assert house.get("/api/cities").status_code == 200, "at once, not when the notification comes"
    assert not house.get("/api/me").json()["must_enrol"]
