"""A browser, the thin application and a provider that people sign in through; fixtures for test modules to import."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr
from sqlalchemy import Engine, text

from spatial.accounts.identities import link
from spatial.settings import Settings, load_settings
from tests.support.provider import CLIENT, SECRET, IdentityProvider
from tests.support.serving import serving
from tests.support.signin import add_present, thin_app

__all__ = ["browser", "go", "idp", "linked", "name_of", "refusals", "assert_refused", "running", "settings_for"]


@pytest.fixture(scope="module")
def running() -> Iterator[IdentityProvider]:
    found = IdentityProvider()
    with serving(found.app()) as address:
        found.issuer = f"{address}/realm"
        yield found


@pytest.fixture
def idp(running: IdentityProvider) -> IdentityProvider:
    """The provider, well-behaved; its person is a new one every time."""
    fresh = IdentityProvider()
    for name in ("change", "sign", "broken", "refuse", "metadata", "asked", "hits", "codes"):
        setattr(running, name, getattr(fresh, name))
    running.person = {"sub": f"sub-{uuid.uuid4()}", "preferred_username": f"p{uuid.uuid4().hex[:10]}"}
    return running


def settings_for(idp: IdentityProvider, **more: Any) -> Settings:
    return load_settings({}, oidc_issuer=idp.issuer, oidc_client_id=CLIENT, oidc_client_secret=SecretStr(SECRET), **more)


@pytest.fixture
def browser(idp: IdentityProvider, engine: Engine, tmp_path: Path) -> Iterator[TestClient]:
    app = thin_app(settings_for(idp, totp="optional"), engine, tmp_path)
    with TestClient(app, base_url="http://127.0.0.1:8000", follow_redirects=False, raise_server_exceptions=False) as found:
        yield found


def name_of(idp: IdentityProvider) -> str:
    return str(idp.person["preferred_username"])


def linked(idp: IdentityProvider, engine: Engine) -> str:
    """An account that is linked to the provider's person."""
    name = name_of(idp)
    add_present(engine, name)
    with engine.begin() as connection:
        link(connection, name, idp.issuer, str(idp.person["sub"]))
    return name


def go(browser: TestClient, page: str = "/") -> str:
    """To the provider and back up to the callback, whose address it returns."""
    there = browser.get("/api/login/oidc", params={"next": page})
    assert there.status_code == 303, there.text
    back = httpx2.get(there.headers["location"], follow_redirects=False)
    assert back.status_code == 303
    return str(back.headers["location"])


def refusals(engine: Engine) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT detail FROM audit.entry WHERE action = 'login' AND result <> 'ok' ORDER BY id"))
        return [row.detail for row in rows]


def assert_refused(browser: TestClient, engine: Engine, address: str, status: int, slug: str, reason: str) -> None:
    """The callback refuses: a problem for programs, no session, a row in the audit."""
    before = len(refusals(engine))
    answer = browser.get(address)
    assert answer.status_code == status, answer.text
    assert answer.json()["type"] == f"urn:wanmi:problem:{slug}" and answer.json()["detail"] and answer.json()["detail_en"]
    assert "wanmi_session" not in browser.cookies
    assert [one["reason"] for one in refusals(engine)[before:]] == [reason]
