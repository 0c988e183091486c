"""People with passwords; the hash is made once, for argon2 is slow on purpose."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, text

from api.app import create_app
from spatial.accounts.accounts import NewAccount, create
from spatial.accounts.model import Account, Grant
from spatial.accounts.passwords import hash_password
from spatial.settings import load_settings
from tests.support.cluster import Server
from tests.support.people import PASSWORD

Person = Callable[..., Account]


@pytest.fixture(scope="session")
def stored() -> str:
    """The hash of ``PASSWORD``."""
    return hash_password(PASSWORD)


@pytest.fixture(scope="module")
def person(engine: Engine, stored: str) -> Person:
    """Makes somebody of a new name with roles (default: gis) and ``PASSWORD``."""

    def make(*roles: str, must_change: bool = False) -> Account:
        name = f"p{uuid.uuid4().hex[:10]}"
        with engine.begin() as connection:
            made = create(connection, NewAccount(name, name, tuple(Grant(role) for role in roles or ("gis",))))
            connection.execute(
                text("UPDATE account.account SET password_hash = :hash, password_changed_at = :at, must_change = :must WHERE id = :id"),
                {"hash": stored, "at": datetime.now(UTC), "must": must_change, "id": made.id},
            )
        return made

    return make


@pytest.fixture(scope="module")
def house(server: Server, database: str, engine: Engine) -> Iterator[TestClient]:
    """The application over an empty house; nobody is signed in."""
    app = create_app(load_settings({}), server.app(database), owner_dsn=server.owner(database))
    with TestClient(app, base_url="http://127.0.0.1:8000", raise_server_exceptions=False, follow_redirects=False) as found:
        yield found


@pytest.fixture
def stranger(house: TestClient) -> TestClient:
    """The same without what an earlier test left in it."""
    house.cookies.clear()
    house.headers.pop("X-CSRF-Token", None)
    return house


def log_in(client: TestClient, name: str, password: str = PASSWORD) -> dict[str, object]:
    """Logs in as a page does and returns who that is."""
    answer = client.post("/api/login", json={"username": name, "password": password})
    assert answer.status_code == 200, answer.text
    me: dict[str, object] = answer.json()
    client.headers["X-CSRF-Token"] = str(me["csrf"])
    return me
